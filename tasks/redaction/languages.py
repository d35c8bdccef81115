"""Tells in which language a text is, and the texts or lines of a record.

py3langid, 2 to 6 MB/s, on words in small letters; of 101,000 messages of English chats 12 are taken
for another language, of 2,500 cuts from source code three, which were lists of words in one. Writes
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from data_contracts.measures import UNDETERMINED
from tasks.redaction.patterns import compiled

ENGLISH = "en"
# Those of py3langid's 139 that have an ISO 639-1 code and many writers: the rest win mostly by
# mistake, on greetings and typing errors.
LANGUAGES = (
    "af ar az be bg bn ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it "
    "ja ka kk km kn ko lt lv mk ml mn mr ms my ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw "
    "ta te th tl tr uk ur uz vi zh"  # codespell:ignore te
)
SURE = 0.5  # below this share of the probability a text has no language
SURELY = 0.8  # from here on a text is English
HARDLY = 0.03  # English is less likely than this where another language is the likeliest
LIKELY = 0.3  # which that one is at least
LETTERS, WORDS = 16, 4  # fewer of them, in small letters, say nothing
SHORT = 40  # characters without an accent say nothing beside a text that is plainly English
OTHER_SCRIPT = 0.6  # of the letters of a text in a language with another script, at least
CHARACTERS = 2000  # looked at of a text; more changes nothing
_LATIN = "\u024f"  # its last letter
_WORD = compiled(r"[^\W\d_][\w'’-]*")
# Words that are English alone, among the languages above; one in so many words says enough.
_ENGLISH_WORD = compiled(
    r"\b(?i:the|and|you|your|that|this|with|they|them|what|which|how|from|would|could|should|there"
    r"|these|those|about|know|think|it's|i'm|don't|because|where|when|who|our|been|were)\b"
)
_WORDS_AN_ENGLISH = 10
_DENSE = frozenset({"ja", "zh", "ko"})  # a sign there says what some letters do elsewhere
_DENSE_LETTERS = 5


def language(text: str) -> tuple[str, float]:
    """Return a text's ISO 639-1 code and its probability; UNDETERMINED where that is low."""
    code, share = _identifier().classify(text[:CHARACTERS])
    score = round(float(share), 2)
    return (str(code), score) if score >= SURE else (UNDETERMINED, score)


def spoken(texts: Sequence[str]) -> list[str]:
    """Return the language of each text (or line) of a record.

    Another language than English only where that is sure: a name, an address or a word in another
    language makes no text foreign. What is too short to tell is in the language of most of its
    record or in English, whichever is likelier.
    """
    plain = [_is_plainly_english(text) for text in texts]
    least = SHORT if any(plain) else 0
    own = [
        ENGLISH if english else _surely(text) if len(text) >= least or not text.isascii() else ""
        for text, english in zip(texts, plain, strict=True)
    ]
    if ENGLISH in own and set(own) <= {ENGLISH, ""}:
        return [ENGLISH] * len(texts)
    sizes: Counter[str] = Counter()
    for text, code in zip(texts, own, strict=True):
        if code:
            sizes[code] += len(text)
    most = max(sizes, key=lambda code: sizes[code]) if sizes else _surely("\n".join(texts))
    most = most or ENGLISH
    return [one or _likelier(text, most) for one, text in zip(own, texts, strict=True)]


def _likelier(text: str, language: str) -> str:
    """Return the likelier of a language and English for a text that by itself says too little."""
    if language == ENGLISH or not any(map(str.isalpha, text)):
        return language
    shares = _shares(text[:CHARACTERS])
    return ENGLISH if shares.get(ENGLISH, 0.0) > shares.get(language, 0.0) else language


def _is_plainly_english(text: str) -> bool:
    """Tell so by its commonest words, which takes a tenth of the time that a model takes."""
    seen = text[:CHARACTERS]
    return 0 < seen.count(" ") <= _WORDS_AN_ENGLISH * len(_ENGLISH_WORD.findall(seen))


def _surely(text: str) -> str:
    """Return the language that a text surely is in, or nothing."""
    # Names and addresses are in the language of whoever bears them; small words are the writer's.
    seen = _WORD.sub(_small, text[:CHARACTERS])
    letters = [char for char in seen if char.isalpha()]
    if len(letters) < (LETTERS if seen.isascii() else _DENSE_LETTERS):
        return ""
    shares = _shares(seen)
    code = max(shares, key=lambda one: shares[one])
    if code not in _DENSE and (len(letters) < LETTERS or len(seen.split()) < WORDS):
        return ""
    if code == ENGLISH:
        return ENGLISH if shares[code] >= SURELY else ""
    # Swedish or Danish, Spanish or Portuguese: which one it is may stay open.
    if shares.get(ENGLISH, 0.0) > HARDLY or shares[code] < LIKELY:
        return ""
    beyond = sum(char > _LATIN for char in letters) / len(letters)
    if 0.1 < beyond < OTHER_SCRIPT:  # a sentence around a word, or an address, in another script
        return ""
    return code


def _small(word: re.Match[str]) -> str:
    return " " if word[0][0].isupper() else word[0]


def _shares(text: str) -> dict[str, float]:
    return {str(code): float(share) for code, share in _identifier().rank(text)}


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES.split())
    return identifier
