"""A change from one text to another that is nearly the same. Values; writes nothing."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

_TYPED = 5  # letters; of shorter words one letter makes another word too easily
_GROUP = 3  # figures, in 10,000
_NEGATED = 3  # letters; "able" is a word that has an opposite, and "to" ends "into"
_NEGATING = frozenset({"un", "in", "im", "il", "ir", "non", "dis", "a"})
BEGIN, END = "\x02", "\x03"  # the marks around a text's words

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Words that stand in one text (`old`) in the place of words in the other (`new`).

    `before` and `after` are the two words on each side in the first text, or the mark of its end;
    `capital` tells whether a word was written with a capital letter; of words that were only put
    in, whether it was so amid a sentence.
    """

    old: Words
    new: Words
    before: Words
    after: Words
    capital: bool

    @property
    def longest(self) -> int:
        """Return how many words it is."""
        return len(self.differing) // 2 if self._in_pairs else max(len(self.old), len(self.new))

    @property
    def _in_pairs(self) -> bool:
        return len(self.old) == len(self.new)

    @property
    def differing(self) -> Words:
        """The words of both texts that differ, without those that happen to lie between."""
        if not self._in_pairs:
            return (*self.old, *self.new)
        pairs = zip(self.old, self.new, strict=True)
        return tuple(word for pair in pairs if pair[0] != pair[1] for word in pair)

    @property
    def is_addition(self) -> bool:
        """Tell whether one text only has more words than the other."""
        return not self.old or not self.new

    @property
    def is_at_an_end(self) -> bool:
        """Tell whether it begins or ends the text."""
        return BEGIN in self.before[-1:] or END in self.after[:1]

    @property
    def has_figures(self) -> bool:
        """Tell whether a digit or a sign such as a plus is in it."""
        words = [word for word in self.differing if not is_placeholder(word)]
        return any(not _is_letter(letter) for word in words for letter in word)

    @property
    def is_negated(self) -> bool:
        """Tell whether a word is another's opposite by how it begins, such as unable."""
        pairs = zip(self.old, self.new, strict=False)
        return any(
            long.endswith(short) and long.removesuffix(short) in _NEGATING
            for pair in pairs
            for short, long in [sorted(pair, key=len)]
            if len(short) >= _NEGATED
        )

    def has_any(self, words: frozenset[str]) -> bool:
        """Tell whether one of these words is in it."""
        return not words.isdisjoint(self.differing)


def is_placeholder(word: str) -> bool:
    """Tell whether a word stands for what redaction took out."""
    return word.startswith("<") and len(word) > 1


def is_typo(change: Change) -> bool:
    """Tell whether each word is the other's with one letter wrong, or where they are parted."""
    if change.is_addition:
        return False
    if "".join(change.old) == "".join(change.new):
        return _is_grouped(change.old) and _is_grouped(change.new)
    if len(change.old) != len(change.new):
        return False
    return all(
        one == other or _mistyped(one, other)
        for one, other in zip(change.old, change.new, strict=True)
    )


def _is_grouped(words: Words) -> bool:
    """Tell whether figures are parted only as thousands are; 1.5 is not 15."""
    return all(
        len(behind) == _GROUP
        for before, behind in pairwise(words)
        if before[-1].isdigit() and behind[0].isdigit()
    )


def _is_letter(character: str) -> bool:
    """Tell whether it is a letter or a mark that belongs to one, such as a vowel in Hindi."""
    return character.isalpha() or unicodedata.category(character)[0] == "M"


def _mistyped(one: str, other: str) -> bool:
    """Tell whether one letter is wrong, missing, too much, or two are swapped; never the first."""
    if min(len(one), len(other)) < _TYPED or not (one.isalpha() and other.isalpha()):
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    swapped = len(left) == 2 and left == right[::-1]
    return start > 0 and (max(len(left), len(right)) <= 1 or swapped)
