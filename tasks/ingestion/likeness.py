"""Whether two rows that share most of their text say the same, or only share a context.

Rows of one source often have a long text in common, such as a system prompt, a passage or a
template, and are told apart by a few words. So every part is held against its counterpart by
itself, and of a part only what other rows do not have as well counts. Numbers, names and answers
that differ make other rows. Where in doubt, rows are different: a copy that is kept costs little,
a row that is lost is lost. Pure functions; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import Literal

from data_contracts.records import Message, Record
from tasks.ingestion.change import Change, is_typo
from tasks.ingestion.wording import Wording, changes

Part = Literal["context", "asked", "answered", "text"]
_ROLES: dict[str, Part] = {"system": "context", "user": "asked", "assistant": "answered"}

SHORT_ANSWER = 8  # words; a label or a figure, in which no word is another way to say the same
TELLING_ANSWER = 20  # words in all answers; fewer may be right for quite another question
_REWORDED = 3  # words in a row; more of them say something else
_REWORDED_TEXT = 4  # the same, of a document
_SHARE_IN_SHORT = 0.9  # of shingles, where the answer does not vouch for the question
_OWN_WORDS = 27  # for each that changed: as many as leave four fifths of their shingles the same
_DENIED = ("no", "not", "never", "none", "neither", "nor", "cannot", "without", "t")
_POLAR = frozenset({*_DENIED, "yes", "true", "false", "positive", "negative"})


@dataclass(frozen=True, slots=True)
class Told:
    """A row as what it tells: its parts in order, and their wording."""

    parts: tuple[Part, ...]
    wordings: tuple[Wording, ...]

    def answer_words(self, after: int | None = None) -> int:
        """Return how many words all answers have, or those that follow a part."""
        both = list(zip(self.parts, self.wordings, strict=True))
        if after is not None:
            behind = dropwhile(lambda one: one[0] != "answered", both[after:])
            both = list(takewhile(lambda one: one[0] == "answered", behind))
        return sum(wording.said for kind, wording in both if kind == "answered")


def parts_of(record: Record) -> list[tuple[Part, str]]:
    """Return a record's parts; where there is no system message, with an empty one.

    What is neither the answer nor the worse one was asked, and an answer that is not learned, too.
    """
    if text := record.plain_text():
        return [("text", text)]
    ends = [one.conversation()[-1].content for one in (record, record.worse()) if one]
    found: list[tuple[Part, str]] = []
    for value in (getattr(record, name) for name in type(record).model_fields):
        if isinstance(value, str):
            found.append(("answered" if value in ends else "asked", value))
        else:
            found.extend((_part(message), message.content) for message in value)
    if found[0][0] != "context":
        found.insert(0, ("context", ""))
    return found


def _part(message: Message) -> Part:
    return _ROLES[message.role] if message.target else "asked"


def told(parts: Sequence[tuple[Part, str]]) -> Told:
    """Return parts with their wording; signs count as words, but for documents."""
    return Told(
        tuple(part for part, _ in parts),
        tuple(Wording(text, signs=part != "text") for part, text in parts),
    )


def say_the_same(
    one: Told, other: Told, others: Callable[[], Sequence[Told]], threshold: float
) -> bool:
    """Tell whether one of two rows is of no use beside the other.

    `others` gives further rows that share text with them. `threshold` is the least share of
    shingles that a part must have in common with its counterpart.
    """
    if one.parts != other.parts:
        return False
    pairs = list(zip(one.wordings, other.wordings, strict=True))
    found = [changes(*pair) for pair in pairs]
    differing = [number for number, changed in enumerate(found) if changed]
    judged = _Judged(one, other, threshold, {one.parts[number] for number in differing})
    if not all(judged.allows(n, found[n]) for n in differing):
        return False
    reworded: set[Part] = {one.parts[n] for n in differing if not all(map(is_typo, found[n]))}
    if judged.answers_otherwise(reworded):
        return False
    beside = [row for row in others() if row.parts == one.parts] if differing else []
    return not any(
        _tells_apart(change, n, one, beside)
        for n in differing
        for change in found[n]
        if not judged.is_vouched_for(n)
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """Two rows that are compared, and in which kinds of part they differ."""

    one: Told
    other: Told
    threshold: float
    differ: set[Part]

    def _answer_tells(self, asked: int | None = None) -> bool:
        said = (row.answer_words(after=asked) for row in (self.one, self.other))
        return min(said) >= TELLING_ANSWER

    def is_vouched_for(self, number: int) -> bool:
        """Tell whether a system message does not matter: to the same question the same answer."""
        same = self.differ == {"context"} and self._answer_tells()
        return same and self.one.parts[number] == "context"

    def answers_otherwise(self, reworded: Set[Part]) -> bool:
        """Tell whether another thing was asked and answered: then the least is another answer."""
        if "answered" in reworded:
            return "asked" in self.differ
        if reworded.isdisjoint({"asked", "context"}):
            return False
        answers = zip(self.one.parts, self.one.wordings, self.other.wordings, strict=True)
        return not all(one.is_written_as(two) for part, one, two in answers if part == "answered")

    def allows(self, number: int, changed: Sequence[Change]) -> bool:
        """Tell whether a part's changes may be nothing but other words for the same."""
        part = self.one.parts[number]
        if self.is_vouched_for(number):
            return True
        if part in ("text", "context"):
            otherwise = any(map(_OTHERWISE[part], changed))
            return not otherwise and all(_is_small(change, _REWORDED_TEXT) for change in changed)
        return self._allows_saying(part, number, changed)

    def _allows_saying(self, part: Part, number: int, changed: Sequence[Change]) -> bool:
        one, other = self.one.wordings[number], self.other.wordings[number]
        if part == "answered" and min(one.said, other.said) < SHORT_ANSWER:
            return False
        reworded = [change for change in changed if not is_typo(change)]
        if not reworded:
            return True
        if any(_says_otherwise(change) for change in reworded):
            return False
        if part == "asked" and any(change.longest > _REWORDED for change in reworded):
            return False
        least = self.threshold
        if part == "asked" and not self._answer_tells(number):
            if not all(change.is_addition for change in reworded):
                return False
            least = max(least, _SHARE_IN_SHORT)
        return one.share_with(other) >= least and all(_is_small(c, _REWORDED) for c in reworded)


def _says_otherwise(change: Change) -> bool:
    return change.has_figures or change.capital or change.is_negated or change.has_any(_POLAR)


def _documents_otherwise(change: Change) -> bool:
    """Tell it of a document, to which a source may add words: a date, or what to read next."""
    added = change.is_addition and (change.longest > _REWORDED or change.is_at_an_end)
    return not added and not is_typo(change) and _says_otherwise(change)


_OTHERWISE: Mapping[Part, Callable[[Change], bool]] = {
    "text": _documents_otherwise,
    "context": lambda change: change.has_figures,
}


def _is_small(change: Change, most: int) -> bool:
    """Tell whether a few words stand for a few others; or are added, however many."""
    return change.is_addition or change.longest <= most


def _tells_apart(change: Change, number: int, row: Told, beside: Sequence[Told]) -> bool:
    """Tell whether a change is in what tells rows of this source apart.

    It is where further rows have yet other words in its place or both of these; but outside of
    what is asked this may be a habit that two rows do not share though much else, that no further
    row has, is the same in both. It is, too, where it is a good part of what no further row has.
    """
    strict = row.parts[number] in ("asked", "answered")
    if not beside or (change.is_addition and not strict):
        return False
    found = {words for one in beside for words in one.wordings[number].in_place_of(change)}
    needed = _OWN_WORDS * change.longest
    if found - {change.old, change.new} or {change.old, change.new} <= found:
        return row.parts[number] == "asked" or _own_words(row, beside) < needed
    if found or not strict or is_typo(change):
        return False
    own = row.wordings[number].words_beyond([one.wordings[number] for one in beside])
    return own < len(row.wordings[number].words) and own < needed


def _own_words(row: Told, beside: Sequence[Told]) -> int:
    """Return how many words of a row no further row has."""
    parts = zip(row.wordings, *(one.wordings for one in beside), strict=True)
    return sum(own.words_beyond(others) for own, *others in parts)
