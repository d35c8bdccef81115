"""The word lists that say what a capital letter may mean: English, first name, surname or place.

Reads `lists/*.txt.gz` (made by `build_lists`; where they come from is in `lists/README.md`) and
`lists/words.toml`. Words are folded: no case, no accents. Writes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LISTS = Path(__file__).with_name("lists")
LONG = ("ordinary", "proper", "first_names", "surnames", "places", "villages")
_SMALL_SETS = LISTS / "words.toml"
_PLAIN = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
)


def fold(text: str) -> str:
    """Return a text without case and accents, as the lists have it."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    return "".join(char for char in parts if not unicodedata.combining(char))


@dataclass(frozen=True, slots=True)
class WordLists:
    """Folded words by what they can be.

    `ordinary`: English words written small. `proper`: words written with a capital that name no
    person or place (peoples, languages, brands). `places`: countries, states and cities;
    `villages`: smaller places, many of which share their name with something else. What the
    smaller sets are for stands beside them in `lists/words.toml`.
    """

    ordinary: frozenset[str]
    proper: frozenset[str]
    first_names: frozenset[str]
    surnames: frozenset[str]
    places: frozenset[str]
    villages: frozenset[str]
    never: frozenset[str]
    alone: frozenset[str]
    titles: frozenset[str]
    small_titles: frozenset[str]
    particles: frozenset[str]
    heads: frozenset[str]
    houses: frozenset[str]
    small: frozenset[str]
    forms: frozenset[str]
    streets: frozenset[str]
    venues: frozenset[str]
    endings: frozenset[str]
    months_given: frozenset[str]
    dating: frozenset[str]
    short_places: frozenset[str]

    def known(self, word: str) -> bool:
        """Tell whether English writes a word small: folded, or with accents in small letters."""
        return word in self.ordinary or word in self.never

    def names(self, word: str) -> bool:
        """Tell whether a folded word is in a list of names of persons or places."""
        return (
            word in self.first_names
            or word in self.surnames
            or word in self.places
            or word in self.villages
        )


@cache
def word_lists() -> WordLists:
    """Return the lists; reading them takes about a tenth of a second, once."""
    small: dict[str, str] = tomllib.loads(_SMALL_SETS.read_text(encoding="utf-8"))
    long = {name: frozenset(_read(name).split("\n")) for name in LONG}
    sets = {name: frozenset(text.split()) for name, text in small.items()}
    sets["titles"] |= sets["small_titles"]
    return WordLists(**long, **sets)


@cache
def lists_digest() -> str:
    """Return what tells one version of all that lies in `lists/` from another."""
    digest = hashlib.sha256()
    for path in sorted(LISTS.iterdir()):
        if path.suffix in (".gz", ".toml", ".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _read(name: str) -> str:
    with gzip.open(LISTS / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().strip("\n")
