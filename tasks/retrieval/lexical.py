"""Words: BM25 (Robertson and others (1995), TREC-3) over chunks, as bm25s computes it.

The variant is Lucene's (k1 1.5, b 0.75). Needs bm25s and numpy; writes the folder it is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = "words"
_WORD = re.compile(r"\w+")
_SHORTEST = 3  # letters: a shorter word has no plural


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case and the singular, without stop words of English.

    Words that ask (how, what, which) are among those: they say nothing of what is looked for.
    """
    stop = _stop_words()
    return [_singular(word) for word in _WORD.findall(text.casefold()) if word not in stop]


@cache
def _stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return frozenset(STOPWORDS_EN_PLUS)


def _singular(word: str) -> str:
    """Return a word without the plural's s (Harman (1991), JASIS 42, 7-15, the S stemmer)."""
    if len(word) <= _SHORTEST or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return f"{word[:-3]}y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss", "es")) else word[:-1]


def write_words(texts: Sequence[str], folder: Path) -> None:
    """Write the index of texts; the bytes depend on the texts alone."""
    import bm25s

    # Words are numbered as they come: the library numbers a set's, which is another order each run.
    known: dict[str, int] = {}
    ids = [[known.setdefault(word, len(known)) for word in words_of(text)] for text in texts]
    found = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    found.index((ids, known or {"": 0}), create_empty_token=True, show_progress=False)
    found.save(folder / FOLDER, show_progress=False)


class Words:
    """The words of an index that was written."""

    def __init__(self, folder: Path) -> None:
        """Load them; what a missing file raises is the caller's to explain."""
        import bm25s

        self._found: Any = bm25s.BM25.load(folder / FOLDER, show_progress=False)

    def search(self, words: Sequence[str], most: int) -> list[tuple[int, float]]:
        """Return (place, score) of the texts that hold a word, best first, at most so many.

        The library gives as many as are asked for, with score 0 those that hold none: not here.
        """
        import numpy as np

        known = [word for word in words if word in self._found.vocab_dict]
        if not known:
            return []
        scores = self._found.get_scores(known)
        order = np.lexsort((np.arange(len(scores)), -scores))[:most]
        return [(int(place), float(scores[place])) for place in order if scores[place] > 0]
