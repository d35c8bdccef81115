"""Tells in which language a text is, and which texts of a record are in none that is asked for.

py3langid, 2 to 6 MB/s. At `SURELY` and with `LETTERS` letters it took none of 30,000 English chats,
questions, passages and invoices for another language, and of 2,500 cuts from source code three,
which were lists of words in that language. Writes nothing.
"""

from __future__ import annotations

import re
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
SURELY = 0.8  # from here on a text is not searched as an English one
LETTERS = 20  # fewer of them say nothing
OTHER_SCRIPT = 0.6  # of the letters of a text in a language with another script, at least
CHARACTERS = 2000  # looked at of a text; more changes nothing
_LATIN = "\u024f"  # its last letter
_WORD = compiled(r"[^\W\d_][\w'’-]*")
_DENSE = frozenset({"ja", "zh", "ko"})  # a sign there says what some letters do elsewhere
_DENSE_LETTERS = 5


def language(text: str) -> tuple[str, float]:
    """Return a text's ISO 639-1 code and its probability; UNDETERMINED where that is low."""
    code, share = _identifier().classify(text[:CHARACTERS])
    score = round(float(share), 2)
    return (str(code), score) if score >= SURE else (UNDETERMINED, score)


def spoken(texts: Sequence[str]) -> list[str]:
    """Return the language of each text of a record: its own, else the record's, else English.

    Another language than English only where that is sure: a name, an address or a word in another
    language makes no text foreign.
    """
    own = [_surely(text) for text in texts]
    if set(own) <= {ENGLISH}:
        return [ENGLISH] * len(texts)
    whole = _surely("\n".join(texts)) or ENGLISH
    return [one or whole for one in own]


def _surely(text: str) -> str:
    """Return the language that a text surely is in, or nothing."""
    # Names and addresses are in the language of whoever bears them; small words are the writer's.
    seen = _WORD.sub(_small, text[:CHARACTERS])
    letters = [char for char in seen if char.isalpha()]
    if len(letters) < _DENSE_LETTERS:
        return ""
    code, score = language(seen)
    if len(letters) < (_DENSE_LETTERS if code in _DENSE else LETTERS) or score < SURELY:
        return ""
    beyond = sum(char > _LATIN for char in letters) / len(letters)
    if 0.1 < beyond < OTHER_SCRIPT:  # a sentence around a word, or an address, in another script
        return ""
    return code if code != UNDETERMINED else ""


def _small(word: re.Match[str]) -> str:
    return " " if word[0][0].isupper() else word[0]


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES.split())
    return identifier
