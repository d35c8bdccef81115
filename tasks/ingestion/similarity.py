"""MinHash signatures of records: what finds rows that nearly say the same.

A record's text becomes a set of three words in a row (shingles), numbers and placeholders being
words too; the share of equal places in two signatures estimates the Jaccard index of their sets
(Broder, 1997), here with a standard error of at most 0.045. Needs datasketch. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

SHINGLE = 3  # words
PLACES = 128  # in a signature, of 4 bytes each
_SEED = 1
_SURE = 0.995  # the least probability with which a pair at the threshold shares a band
# Scripts without spaces: each character counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u9fff\uac00-\ud7af]+")


def signature(texts: Iterable[str]) -> bytes:
    """Return the signature of a record's texts; empty if there is no word in them."""
    words = WORD.findall("\n".join(texts).casefold())
    if not words:
        return b""
    last = max(1, len(words) - SHINGLE + 1)
    shingles = {" ".join(words[start : start + SHINGLE]).encode() for start in range(last)}
    sketch = _empty_sketch().copy()
    sketch.update_batch(shingles)
    return sketch.hashvalues.astype("<u4").tobytes()


def similarity(one: bytes, other: bytes) -> float:
    """Return the estimated Jaccard index of two signatures, 0 to 1."""
    import numpy as np

    equal = np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")
    return float(equal.mean())


class Bands:
    """Cuts signatures into bands: two rows that are alike share at least one, nearly always.

    There are as few and wide bands as keep a pair at the threshold with a probability of 0.995.
    """

    def __init__(self, threshold: float) -> None:
        wide = [rows for rows in range(1, PLACES + 1) if _found(threshold, rows) >= _SURE]
        self.rows = max(wide, default=1)
        self.count = PLACES // self.rows

    def keys(self, signed: bytes) -> list[int]:
        """Return one number a band (64 bits, signed), different from band to band."""
        import xxhash

        width = 4 * self.rows
        pieces = (signed[band * width : (band + 1) * width] for band in range(self.count))
        return [
            xxhash.xxh64_intdigest(piece, seed=band) - (1 << 63)
            for band, piece in enumerate(pieces)
        ]


def _found(threshold: float, rows: int) -> float:
    """Return the probability that two rows of this similarity share a band of so many places."""
    return 1 - (1 - threshold**rows) ** (PLACES // rows)


@cache
def _empty_sketch() -> Any:
    import xxhash
    from datasketch import MinHash

    return MinHash(num_perm=PLACES, seed=_SEED, scheme="affine32", hashfunc=xxhash.xxh32_intdigest)
