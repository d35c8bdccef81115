"""Finds rows that would teach the test: they share 13 words in a row with an evaluation text.

The rule of 13-grams is that of the GPT-3 paper (Brown et al., 2020, appendix C). Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

GRAM = 13  # words
SHORTEST = 3  # words; an evaluation text shorter than this ("Thanks!") proves nothing
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class EvaluationTexts:
    """The texts no training row may share 13 words in a row with, or, if shorter, equal."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._grams: set[str] = set()
        self._whole: set[str] = set()
        for text in texts:
            words = _words(text)
            if len(words) >= GRAM:
                self._grams.update(_grams(words))
            elif len(words) >= SHORTEST:
                self._whole.add(" ".join(words))

    def leaks_into(self, texts: Iterable[str]) -> bool:
        """Tell whether any of a row's texts holds an evaluation text."""
        if not self._grams and not self._whole:
            return False
        return any(self._leaks(_words(text)) for text in texts)

    def _leaks(self, words: list[str]) -> bool:
        if len(words) < GRAM and " ".join(words) in self._whole:
            return True
        return any(gram in self._grams for gram in _grams(words))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _grams(words: list[str]) -> Iterator[str]:
    for start in range(len(words) - GRAM + 1):
        yield " ".join(words[start : start + GRAM])
