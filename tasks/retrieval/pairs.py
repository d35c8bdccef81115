"""Rows that teach a model to answer from an index's passages, and an eval set kept apart from them.

Needs an index, and questions whose answers and passages are known. Pure: writes nothing. Passages
are those that the index finds, as `paddock index answer` would give them. A question is held out
by the document that answers it, so that nothing of that document's answers is trained on.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import Field, model_validator

from data_contracts.passages import NOT_THERE, ask_from
from data_contracts.records import Frozen, Message
from eval_sets.types import Case, FromPassages, Line
from tasks.retrieval.answering import Passage, Thresholds, chosen
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.evaluating import ChunkIds
from tasks.retrieval.index import Hit, Index

WITHOUT_IN = 5  # one question in so many is asked a second time, without the passages that answer
SHORT = 6  # words; so short an answer is looked for as it stands, where no `accepted` is given
TOKENS = 160  # of an answer
_FOUND = 20  # chunks that are looked at for those that clear the threshold
_ENDS = ".!?"


class KnownAnswer(Frozen):
    """A question, its answer, and the passages that hold it, as the documents word them.

    Without answer and passages no document answers it. `accepted` are the parts that a right answer
    has, each with its alternatives.
    """

    question: Line
    answer: str = ""
    gold: tuple[Line, ...] = ()
    accepted: tuple[tuple[Line, ...], ...] = ()

    @model_validator(mode="after")
    def _belong_together(self) -> KnownAnswer:
        if bool(self.answer.strip()) != bool(self.gold):
            raise ValueError("an answer and the passages (gold) that hold it belong together")
        if self.accepted and not (self.gold and all(self.accepted)):
            raise ValueError("accepted parts belong to an answer, each with an alternative")
        return self

    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Return the parts that a right answer has; none where nobody said so."""
        if self.accepted or len(self.answer.split()) > SHORT:
            return self.accepted
        return ((self.answer.strip(),),) if self.gold else ()


class Pairs(Frozen):
    """Rows to train on, cases to be judged by, and what became of the questions, by its name."""

    rows: tuple[tuple[Message, ...], ...]
    cases: tuple[Case, ...]
    counts: dict[str, int] = Field(default_factory=dict)


class _Given(NamedTuple):
    """What a model is given for a question: texts, and the numbers of those that answer it."""

    texts: tuple[str, ...]
    gold: tuple[int, ...]


def make_pairs(
    index: Index,
    known: Sequence[KnownAnswer],
    thresholds: Thresholds,
    *,
    held: float,
    seed: int,
) -> Pairs:
    """Return rows and cases of the questions; `held` is the share of documents that are kept apart.

    The same of the same index and questions. What makes none is counted by its reason.
    """
    ids = ChunkIds(index)
    rng = random.Random(seed)
    rows: list[tuple[Message, ...]] = []
    cases: list[Case] = []
    counts: Counter[str] = Counter()
    asked = [one.question for one in known]
    hits = index.search_all(asked, max(_FOUND, thresholds.passages))["fused"]
    for number, one in enumerate(known, start=1):
        gold = [ids.chunks_holding(passage) for passage in one.gold]
        if not all(gold):
            counts["left out: a passage stands in no chunk of the index"] += 1
            continue
        found = _found(index, hits[number - 1], thresholds)
        if not found:
            counts["left out: nothing is near enough, so nobody would be asked"] += 1
            continue
        missing = [chunks[0] for chunks in gold if not set(chunks) & set(found)]
        counts["passages put beside what the index found"] += len(missing)
        given = _given(found, missing, {chunk for chunks in gold for chunk in chunks}, thresholds)
        if _drawn(gold[0][0].document if gold else one.question) < held:
            made = _cases(number, one, given, rng)
            cases += made
            counts["held out"] += bool(made)
            counts["left out: held, its answer is long and no accepted parts are named"] += not made
        else:
            made = _rows(one, given, rng)
            rows += made
            counts["to train on"] += 1
            counts["to train on, once more without its passages"] += len(made) - 1
    return Pairs(rows=tuple(rows), cases=tuple(cases), counts=dict(+counts))


def _found(index: Index, hits: Sequence[Hit], thresholds: Thresholds) -> list[Chunk]:
    passages = chosen(hits, index.chunks([hit.place for hit in hits]), thresholds)
    return [passage.chunk for passage in passages]


def _given(
    found: Sequence[Chunk], missing: Sequence[Chunk], gold: set[Chunk], thresholds: Thresholds
) -> _Given:
    """Return what was found with what is missing, of which others than gold make room."""
    others = [chunk for chunk in found if chunk not in gold]
    room = thresholds.passages - len(missing) - (len(found) - len(others))
    gone = set(others[max(room, 0) :])
    stay = [*(chunk for chunk in found if chunk not in gone), *missing]
    texts = tuple(Passage(0, chunk).text for chunk in stay)
    return _Given(texts, tuple(n for n, chunk in enumerate(stay, 1) if chunk in gold))


def _drawn(key: str) -> float:
    """Return a number from 0 to 1 that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def _rows(one: KnownAnswer, given: _Given, rng: random.Random) -> list[tuple[Message, ...]]:
    """Return a row, in half of them with the passages in another order than the index's."""
    order = list(range(len(given.texts)))
    if rng.random() < 0.5:
        rng.shuffle(order)
    texts = [given.texts[place] for place in order]
    numbers = [n for n, place in enumerate(order, 1) if place + 1 in given.gold]
    made = [_row(one.question, texts, _cited(one.answer, numbers) if numbers else NOT_THERE)]
    others = [text for n, text in enumerate(given.texts, 1) if n not in given.gold]
    if numbers and others and rng.randrange(WITHOUT_IN) == 0:
        made.append(_row(one.question, others, NOT_THERE))
    return made


def _row(question: str, texts: Sequence[str], answer: str) -> tuple[Message, ...]:
    return (*ask_from(question, texts), Message(role="assistant", content=answer))


def _cited(answer: str, numbers: Iterable[int]) -> str:
    """Return an answer with the numbers of its passages before its last mark."""
    said = answer.strip()
    marks = "".join(f"[{number}]" for number in numbers)
    return f"{said[:-1]} {marks}{said[-1]}" if said[-1] in _ENDS else f"{said} {marks}"


def _cases(number: int, one: KnownAnswer, given: _Given, rng: random.Random) -> list[Case]:
    parts = one.parts()
    if given.gold and not parts:
        return []
    made = [_case(f"q{number}", one.question, given, parts)]
    others = tuple(text for n, text in enumerate(given.texts, 1) if n not in given.gold)
    if given.gold and others and rng.randrange(WITHOUT_IN) == 0:
        made.append(_case(f"q{number}/without", one.question, _Given(others, ()), ()))
    return made


def _case(identity: str, question: str, given: _Given, parts: tuple[tuple[str, ...], ...]) -> Case:
    return Case(
        id=identity,
        messages=ask_from(question, given.texts),
        max_new_tokens=TOKENS,
        expect=FromPassages(scorer="from_passages", gold=given.gold, accepted=parts),
        cluster=identity.split("/")[0],
    )
