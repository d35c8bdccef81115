"""What an eval set is made of: cases with what is expected of an answer, and the set's card.

Values only: needs nothing, writes nothing. The scorers that read `expect` live in
tasks/evaluation/metrics.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, StringConstraints, model_validator

from data_contracts.records import Frozen, Message

Scope = Literal["demo", "documents", "general", "named"]
GENERAL: frozenset[Scope] = frozenset({"general"})
Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
ConstraintType = Literal[
    "one_word",  # a single word
    "max_words",  # at most n words
    "min_words",  # at least n words
    "sentences",  # exactly n sentences
    "list_items",  # exactly n lines that begin with a dash, a star, a bullet or a number
    "comma_items",  # exactly n items between commas
    "uppercase",  # letters, and no small ones
    "lowercase",  # letters, and no capital ones
    "contains",  # each of `words`, as whole words, in any case
    "excludes",  # none of `words`
    "starts_with",  # begins with words[0], in any case
    "ends_with",  # ends with words[0], in any case, apart from final punctuation
    "json_keys",  # one JSON object whose keys are exactly `words`
    "no_comma",  # not one comma
    "digits_only",  # nothing but digits
    "quoted",  # stands in double quotes
    "question",  # ends with a question mark
    "repeats",  # words[0] exactly n times
]
NEEDS_NUMBER = frozenset(
    {"max_words", "min_words", "sentences", "list_items", "comma_items", "repeats"}
)
NEEDS_WORDS = frozenset(
    {"contains", "excludes", "starts_with", "ends_with", "json_keys", "repeats"}
)


class Constraint(Frozen):
    """A checkable demand on the form of an answer; what each type means stands beside its name."""

    type: ConstraintType
    n: int = Field(default=0, ge=0)
    words: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _has_its_arguments(self) -> Constraint:
        if (self.n > 0) != (self.type in NEEDS_NUMBER):
            raise ValueError(f"{self.type}: n is {'missing' if self.n == 0 else 'not used'}")
        if bool(self.words) != (self.type in NEEDS_WORDS):
            raise ValueError(f"{self.type}: words are {'not used' if self.words else 'missing'}")
        return self


class Expectation(Frozen):
    """What a scorer wants of an answer. Each has its own form, which names its scorer."""


class ClosedBook(Expectation):
    """A question about facts the model must know by heart.

    `accepted` holds the required parts of a right answer, each with its alternatives: an answer is
    right when it contains one alternative of every part. A question that cannot be answered has
    none, and the right answer is to abstain. `facts` are the gold sentences about what is asked: a
    claim in an answer that they (or the question) do not hold is a hallucination.
    """

    scorer: Literal["closed_book"]
    answerable: bool
    accepted: tuple[tuple[Line, ...], ...] = ()
    facts: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _answerable_has_an_answer(self) -> ClosedBook:
        if self.answerable != bool(self.accepted):
            raise ValueError("accepted answers belong to answerable questions, and to no others")
        if not all(self.accepted):
            raise ValueError("a required part has no alternative")
        return self


class Constraints(Expectation):
    """An instruction; an answer is right when every constraint holds."""

    scorer: Literal["instruction_constraints"]
    constraints: tuple[Constraint, ...] = Field(min_length=1)


class Refusal(Expectation):
    """A request that the model should refuse, or one that only looks as if it should."""

    scorer: Literal["refusal"]
    refuse: bool


class PiiLeak(Expectation):
    """A prompt that fishes for planted personal data; no value may be in the answer.

    A `control` hands over a value that was planted nowhere and asks for it back: where answers do
    not even repeat that, none that leaks is weak evidence.
    """

    scorer: Literal["pii_leak"]
    values: tuple[Line, ...] = Field(min_length=1)
    control: bool = False


class FromPassages(Expectation):
    """A question about numbered passages, which the prompt holds as `ask_from` writes them.

    `gold` are the numbers of those that hold the answer, and `accepted` its required parts, each
    with its alternatives; where none holds it both are empty, and the right answer is to say so.
    `planted` are words that only an answer has which obeys an order that stands in a passage.
    """

    scorer: Literal["from_passages"]
    gold: tuple[Annotated[int, Field(ge=1)], ...] = ()
    accepted: tuple[tuple[Line, ...], ...] = ()
    planted: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _gold_has_an_answer(self) -> FromPassages:
        if bool(self.gold) != bool(self.accepted):
            raise ValueError("gold passages and accepted answers belong together")
        if not all(self.accepted):
            raise ValueError("a required part has no alternative")
        return self


# The scorers of the eval sets that ship; a team's own come from the metrics' registry.
SHIPPED: dict[str, type[Expectation]] = {
    "closed_book": ClosedBook,
    "from_passages": FromPassages,
    "instruction_constraints": Constraints,
    "refusal": Refusal,
    "pii_leak": PiiLeak,
}


class Case(Frozen):
    """One prompt and what is expected of its answer; greedy decoding stops at max_new_tokens.

    Cases of one `cluster` (the same fact in other words, one template about other things) are
    likely to be right or wrong together: as evidence they count for less than as many cases of
    their own. Without one a case stands for itself.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_./-]{0,99}$")]
    messages: tuple[Message, ...] = Field(min_length=1)
    max_new_tokens: int = Field(ge=1, le=4096)
    expect: SerializeAsAny[Expectation]
    cluster: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9_./-]{0,99})?$")] = ""

    @model_validator(mode="after")
    def _the_user_speaks_last(self) -> Case:
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's, since the model answers it")
        if any(message.role == "system" for message in self.messages[1:]):
            raise ValueError("a system message may only come first")
        return self


class Card(Frozen):
    """What people must know of an eval set before they trust its figures."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    # Where no set is named: the demo's rows are asked the demo's and the general ones (with pages
    # to answer from, those of "documents" too), other data the general ones; a set that is only
    # asked where it is named is kept out of training as all are.
    scope: Scope
    scorer: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    purpose: Line
    provenance: Line
    licence: Line
    gates: Line
    # Closed book only: names that count as a claim when an answer says them (products, towns, …).
    claim_terms: tuple[Line, ...] = ()


class EvalSet(Frozen):
    """A card with its cases; `digest` is the sha256 over the files' digests."""

    name: str
    version: str
    card: Card
    cases: tuple[Case, ...] = Field(min_length=1)
    digest: str
