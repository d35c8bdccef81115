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

from data_contracts.measures import UNDETERMINED, RowFlags
from tasks.ingestion.injection import InjectionFinder, patterns_digest

# Those of py3langid's 139 that have an ISO 639-1 code and many writers: the rest win mostly by
# mistake, on greetings and typing errors.
LANGUAGES = (
    "af ar az be bg bn ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it "
    "ja ka kk km kn ko lt lv mk ml mn mr ms my ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw "
    "ta te th tl tr uk ur uz vi zh"  # codespell:ignore te
)
SURE = 0.5  # below this share of the probability a text has no language
LANGUAGE_CHARACTERS = 2000  # looked at a row; more changes nothing
_SENTENCE = re.compile(r"\n+|(?<=[.!?])\s+")


class Flagger:
    """Flags rows; build one a process (`build_flagger`), it is safe to call from threads."""

    def __init__(self) -> None:
        from profanity_check import predict_prob
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._injections = InjectionFinder()
        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages(LANGUAGES.split())
        self._toxic: Any = predict_prob

    def __call__(self, records: Sequence[Sequence[str]]) -> list[RowFlags]:
        """Return the flags of records, each given by its texts; faster for many at once."""
        toxicity = self._toxicity(records)
        return [
            RowFlags(
                *self._language(texts), toxicity=toxic, prompt_injection=self._injection(texts)
            )
            for texts, toxic in zip(records, toxicity, strict=True)
        ]

    def _language(self, texts: Sequence[str]) -> tuple[str, float]:
        code, share = self._identifier.classify("\n".join(texts)[:LANGUAGE_CHARACTERS])
        score = round(float(share), 2)
        return (str(code), score) if score >= SURE else (UNDETERMINED, score)

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
