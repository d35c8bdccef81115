"""Says of a row which language it is in, how toxic it reads, and whether it gives a model orders.

Flags describe; only a data set's contract acts on them. Measured on one core:

- language: py3langid, 70 languages, 2 to 6 MB/s. Of interface strings in 34 languages it
  names 83 %, 98 % of them rightly, and leaves the rest undetermined; of English chat messages 98 %,
  wrong less than once in a thousand.
- toxicity: alt-profanity-check, a linear model of English words, 6 MB/s. It knows swearing,
  insults and threats. Hatred in polite words it mostly misses: of answers that people scored as
  hateful it finds one in seven at 0.8, one in four at 0.5, with no false alarm among the others.
- prompt injection: patterns (`injection`), 9 MB/s.

All three together: 2 MB/s of chats, half of that where rows are very short.

Needs py3langid, alt-profanity-check (its model is a pickle in the locked package) and Hyperscan;
loading takes 2 s and 250 MB. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from data_contracts.measures import RowFlags
from tasks.ingestion.injection import InjectionFinder, patterns_digest
from tasks.redaction.languages import language

_SENTENCE = re.compile(r"\n+|(?<=[.!?])\s+")


class Flagger:
    """Flags rows; build one a process (`build_flagger`), it is safe to call from threads."""

    def __init__(self) -> None:
        from profanity_check import predict_prob

        self._injections = InjectionFinder()
        self._toxic: Any = predict_prob

    def __call__(self, records: Sequence[Sequence[str]]) -> list[RowFlags]:
        """Return the flags of records, each given by its texts; faster for many at once."""
        toxicity = self._toxicity(records)
        return [
            RowFlags(
                *language("\n".join(texts)), toxicity=toxic, prompt_injection=self._injection(texts)
            )
            for texts, toxic in zip(records, toxicity, strict=True)
        ]

    def _toxicity(self, records: Sequence[Sequence[str]]) -> list[float]:
        """Return the score of the worst sentence: a long row would drown it."""
        sentences = [_sentences(texts) for texts in records]
        flat = [one for some in sentences for one in some]
        scores = iter(self._toxic(flat).tolist() if flat else [])
        return [round(max((next(scores) for _ in some), default=0.0), 2) for some in sentences]

    def _injection(self, texts: Sequence[str]) -> str:
        return next(filter(None, map(self._injections.find, texts)), "")


@cache
def build_flagger() -> Flagger:
    """Return this process's flagger, loading it the first time."""
    return Flagger()


def flagger_identity() -> dict[str, str]:
    """Return what decides the flags, for a stage's fingerprint; loads nothing heavy."""
    packages = ("py3langid", "alt-profanity-check", "scikit-learn")
    return {name: version(name) for name in packages} | {"injection": patterns_digest()}


def _sentences(texts: Sequence[str]) -> list[str]:
    return [one for text in texts for one in _SENTENCE.split(text) if one]
