"""Names of people, addresses of mail and handles, word by word.

A word becomes the same word wherever it stands, so that "Ann" is still part of "Ann Lee" and of
ann.lee@…, and two people of one family name still share one. A first name becomes one of the same
language and the same gender, where the lists know it. Pure functions over `lists`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from tasks.redaction.names.word_lists import fold, word_lists
from tasks.redaction.patterns import compiled
from tasks.redaction.surrogates.drawing import Draws, cased
from tasks.redaction.surrogates.lists import Part, pool, surrogate_lists

TOKEN = compiled(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[\W_]")
_TRIES = 40
_BEHIND_NAMES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "jnr", "snr"})
_POSSESSIVE = compiled(r"(?<=\w)['’]s$")
# What a name in another script becomes, where the lists do not have it: the script says.
_SCRIPTS = {
    "CYRILLIC": "ru",
    "GREEK": "el",
    "HEBREW": "he",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
}
_WHOLE = frozenset({"ja", "zh", "ko"})  # family name and first name in one word
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606: nobody's


class NameWords:
    """Other words for the words of names; none is one of `taken` (folded)."""

    def __init__(self, draws: Callable[[str], Draws], taken: frozenset[str]) -> None:
        self._draws, self._taken = draws, taken

    def word(self, token: str) -> str | None:
        """Return another name for a name, in its case; None where no list has its script."""
        plain = fold(token)
        pools = _pools(token, plain)
        if not pools:
            return None
        draws = self._draws(plain)
        for _ in range(_TRIES):
            drawn = "".join(draws.of(one) for one in pools)
            if fold(drawn) != plain and fold(drawn) not in self._taken:
                return cased(drawn, token)
        return None

    def initial(self, letter: str) -> str:
        """Return another initial, the same for the same letter."""
        draws = self._draws(letter.casefold())
        drawn = letter
        while drawn == letter:
            drawn = draws.alike(letter)
        return drawn


def _pools(token: str, plain: str) -> Sequence[Sequence[str]]:
    """Return what a name is drawn from: one list, or two whose draws are written as one word."""
    if known := _known(token):
        language, parts = known
    else:
        language = _by_script(token)
        if not language:
            return ()
        parts: tuple[Part, ...] = ("f", "m") if _is_first(plain) else ("lf", "lm")
        if language in _WHOLE and len(token) > 1:
            return pool(language, ("lf",)), pool(language, ("f", "m"))
    return (pool(language, parts),)


def _known(token: str) -> tuple[str, tuple[Part, ...]] | None:
    """Return a name's language and parts; with its accents first: "José" is Spanish alone."""
    part_of = surrogate_lists().part_of
    return part_of.get(token.casefold()) or part_of.get(fold(token))


def _is_first(plain: str) -> bool:
    known = word_lists()
    return plain in known.first_names and plain not in known.surnames


def script(text: str) -> str:
    """Return the script of a text's first letter, as Unicode names it: "LATIN"."""
    first = next(filter(str.isalpha, text), "")
    return unicodedata.name(first, "").split(" ")[0].split("-")[0] if first else ""


def _by_script(token: str) -> str:
    """Return the language to draw from for a word that no list has: English for Latin letters."""
    own = script(token)
    return "en" if own == "LATIN" else _SCRIPTS.get(own, "")


def person(value: str, words: NameWords) -> str | None:
    """Return another name; titles, particles and what stands between stay."""
    end = _POSSESSIVE.search(value)
    made, changed = _person(value[: end.start()] if end else value, words)
    return made + (end[0] if end else "") if changed else None


def _person(value: str, words: NameWords) -> tuple[str, bool]:
    tokens = TOKEN.findall(value)
    letters = [place for place, token in enumerate(tokens) if token[0].isalpha()]
    known, changed = word_lists(), False
    for number, place in enumerate(letters):
        token, plain = tokens[place], fold(tokens[place])
        title = plain in known.small_titles or (plain in known.titles and not _known(token))
        opens = number == 0 and len(letters) > 1 and title
        within = token.islower() and plain in known.particles and number < len(letters) - 1
        if opens or within or (number and plain in _BEHIND_NAMES):
            continue
        new = words.initial(token) if len(token) == 1 else words.word(token)
        if new is None:
            return value, False
        tokens[place], changed = new, True
    return "".join(tokens), changed


def mail(value: str, words: NameWords, draws: Draws) -> str | None:
    """Return an address of the same shape at a domain that is reserved for examples (RFC 2606)."""
    local, at, domain = value.rpartition("@")
    if not at or not domain or not local:
        return None
    name = handle(local, words, draws)
    return f"{name}@{cased(draws.of(_MAIL_DOMAINS), domain)}" if name else None


def handle(value: str, words: NameWords, draws: Draws) -> str | None:
    """Return a handle of the same shape: names for its words, digits for its digits."""
    head = re.match(r"/?u/", value)
    tokens = TOKEN.findall(value[head.end() :] if head else value)
    changed = False
    for place, token in enumerate(tokens):
        if token[0].isalpha():
            new = words.initial(token) if len(token) == 1 else words.word(token)
            if new is None:
                return None
            tokens[place], changed = _plain(new), True
        elif token.isdigit():
            tokens[place], changed = draws.alike(token), True
    return (head[0] if head else "") + "".join(tokens) if changed else None


def _plain(name: str) -> str:
    """Return a name as addresses and handles write it, with plain letters where it has such."""
    folded = fold(name)
    return cased(folded.capitalize(), name) if folded.isascii() else name
