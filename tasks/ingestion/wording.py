"""The words of a text, and what changed between two texts that are nearly the same.

Words are compared three in a row (shingles), with a mark at both ends, each as often as it occurs;
a word that lies in no common shingle has changed. That takes time in proportion to the texts, and
finds a word that was replaced, a piece that was put in, and a sentence that is said once more.
Pure functions; writes nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import zip_longest

from tasks.ingestion.change import BEGIN, END, Change, Words, is_placeholder
from tasks.ingestion.similarity import SHINGLE
from tasks.ingestion.tokens import as_written, folded, tokens

_STOP = re.compile(r"[.!?:;\n]")
_LONGEST_FILLER = 12  # words looked at between two that frame a change


class Wording:
    """The words of a text as they are compared; with `signs`, such as change what is said, too.

    `capitals` are the places of those that were written with a capital letter, `names` of those
    among them that did not have it for beginning a sentence.
    """

    def __init__(self, text: str, *, signs: bool) -> None:
        found = tokens(text, signs=signs)
        self.text = text
        # What is all punctuation is compared as it is: it may be what is asked for.
        self.words = folded(found, plain=text.isascii()) or tuple("".join(text.split()))
        self.capitals = frozenset(n for n, one in enumerate(found) if _has_capital(one[0]))
        ends = [0, *(one.end() for one in found)]
        self.names = frozenset(
            n
            for n in self.capitals
            if n and found[n][0] != "I" and not _STOP.search(text, ends[n], found[n].start())
        )

    @cached_property
    def said(self) -> int:
        """How many words it is, without signs."""
        return sum(len(word) > 1 or word.isalnum() for word in self.words)

    def is_written_as(self, other: Wording) -> bool:
        """Tell whether case, signs and punctuation are the same, but for those at the end."""
        return as_written(self.text) == as_written(other.text)

    @cached_property
    def marked(self) -> Words:
        """The words between two marks."""
        return (BEGIN, *self.words, END)

    @cached_property
    def shingles(self) -> tuple[Words, ...]:
        """Every three words in a row, the marks being words."""
        marked = self.marked
        return tuple(
            marked[start : start + SHINGLE] for start in range(max(1, len(marked) - SHINGLE + 1))
        )

    @cached_property
    def counts(self) -> Counter[Words]:
        """How often each shingle occurs."""
        return Counter(self.shingles)

    def share_with(self, other: Wording) -> float:
        """Return the Jaccard index of two texts' shingles, each counted as often as it occurs."""
        both = (self.counts & other.counts).total()
        return both / max(1, len(self.shingles) + len(other.shingles) - both)

    def changed_from(self, other: Counter[Words]) -> list[tuple[int, int]]:
        """Return the stretches of marked words (start, end) that lie in no common shingle.

        One that is here more often than there is not common: which of them is new is not known.
        """
        known = bytearray(len(self.marked))
        for start, shingle in enumerate(self.shingles):
            if self.counts[shingle] <= other[shingle]:
                known[start : start + SHINGLE] = b"\1" * SHINGLE
        return [found.span() for found in re.finditer(rb"\0+", bytes(known))]

    def words_beyond(self, others: Sequence[Wording]) -> int:
        """Return how many words lie in no shingle that one of several texts has."""
        every: Counter[Words] = Counter()
        for other in others:
            every |= other.counts
        return sum(end - start for start, end in self.changed_from(every))

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """Where each marked word stands."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.marked):
            found[word].append(place)
        return found

    def in_place_of(self, change: Change) -> set[Words]:
        """Return what this text has where the change is: `old`, `new`, or other words.

        The place is known by two words on one side and one on the other, or by two words on one
        side; each only where they come once, for a text may repeat a phrase with other words.
        """
        narrow = (change.before[-2:], change.after[:1])
        found: set[Words] = set()
        for before, after in (narrow, (change.before[-1:], change.after[:2])):
            spans = [
                (start, ends[0] - len(after))
                for start in self._ends(before)
                if (ends := self._ends(after, start))
            ]
            found |= {self.marked[start:end] for start, end in spans if len(spans) == 1}
        return found if change.is_addition else found | self._beside(change)

    def _beside(self, change: Change) -> set[Words]:
        """Return `old`, `new` or one other word that follows, or comes before, two known ones."""
        found: set[Words] = set()
        sides = (
            self._ends(change.before),
            [n - len(change.after) for n in self._ends(change.after)],
        )
        for side, places in zip((change.before, change.after), sides, strict=True):
            if len(side) < SHINGLE - 1 or len(places) != 1:
                continue
            rest = self.marked[places[0] :] if side is change.before else self.marked[: places[0]]
            cut = slice(None, 1) if side is change.before else slice(-1, None)
            known = [
                words
                for words in (change.old, change.new)
                if (rest[: len(words)] if side is change.before else rest[-len(words) :]) == words
            ]
            found.add(known[0] if known else rest[cut])
        return found

    def _ends(self, words: Words, start: int | None = None) -> list[int]:
        """Return where these words end, in a row; after `start`, only where that is near."""
        found = self.places.get(words[0], ()) if words else ()
        last = len(self.marked) if start is None else start + _LONGEST_FILLER
        return [
            place + len(words)
            for place in found
            if (start or 0) <= place <= last and self.marked[place : place + len(words)] == words
        ]


def changes(one: Wording, other: Wording) -> list[Change]:
    """Return what changed between two texts, in order; nothing where only punctuation or case did.

    Where a word is repeated more often, or words change places, all shingles may be common.
    """
    if one.words == other.words:
        return []
    stretches = zip_longest(one.changed_from(other.counts), other.changed_from(one.counts))
    found = [_change(one, other, mine, theirs) for mine, theirs in stretches]
    whole = (0, len(one.marked)), (0, len(other.marked))
    return [change for change in found if change.old != change.new] or [_change(one, other, *whole)]


def _change(
    one: Wording, other: Wording, mine: tuple[int, int] | None, theirs: tuple[int, int] | None
) -> Change:
    (a, b), (c, d) = mine or (0, 0), theirs or (0, 0)
    while a < b and c < d and one.marked[a] == other.marked[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and one.marked[b - 1] == other.marked[d - 1]:
        b, d = b - 1, d - 1
    # Of what was only put in, the place is known in the text that has it.
    place, start, end = (one.marked, a, b) if mine else (other.marked, c, d)
    old, new = range(a - 1, b - 1), range(c - 1, d - 1)  # without the mark
    if a < b and c < d:
        capital = _differs_in_capitals(one, other, old, new)
    else:
        capital = not one.names.isdisjoint(old) or not other.names.isdisjoint(new)
    return Change(
        old=_unmarked(one.marked[a:b]),
        new=_unmarked(other.marked[c:d]),
        before=place[max(0, start - 2) : start],
        after=place[end : end + 2],
        capital=capital,
    )


def _differs_in_capitals(one: Wording, other: Wording, old: range, new: range) -> bool:
    """Tell whether one of the words that differ was written with a capital letter."""
    if len(old) != len(new):
        return not one.capitals.isdisjoint(old) or not other.capitals.isdisjoint(new)
    return any(
        (here in one.capitals or there in other.capitals)
        and one.marked[here + 1] != other.marked[there + 1]
        for here, there in zip(old, new, strict=True)
    )


def _unmarked(words: Words) -> Words:
    return tuple(word for word in words if word not in (BEGIN, END))


def _has_capital(word: str) -> bool:
    return word != word.lower() and not is_placeholder(word)
