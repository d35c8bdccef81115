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
    """The (eval set, text) that no training row may share 13 words in a row with.

    A shorter text it may not equal.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._grams: dict[str, str] = {}
        self._whole: dict[str, str] = {}
        for eval_set, text in sorted(texts):
            words = _words(text)
            if len(words) >= GRAM:
                for gram in _grams(words):
                    self._grams.setdefault(gram, eval_set)
            elif len(words) >= SHORTEST:
                self._whole.setdefault(" ".join(words), eval_set)

    def leak_into(self, texts: Iterable[str]) -> str | None:
        """Return the eval set that one of a row's texts holds a text of, or None."""
        if not self._grams and not self._whole:
            return None
        found = (self._leak(_words(text)) for text in texts)
        return next((eval_set for eval_set in found if eval_set is not None), None)

    def _leak(self, words: list[str]) -> str | None:
        if len(words) < GRAM and (whole := self._whole.get(" ".join(words))) is not None:
            return whole
        found = (self._grams.get(gram) for gram in _grams(words))
        return next((eval_set for eval_set in found if eval_set is not None), None)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _grams(words: list[str]) -> Iterator[str]:
    for start in range(len(words) - GRAM + 1):
        yield " ".join(words[start : start + GRAM])
