"""The words that surrogates are drawn from: names by language, cities by country.

Reads `lists.json.gz` (made by `build_lists`; where it comes from is in `README.md`) and
`shapes.toml`. Writes nothing.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tasks.redaction.names.word_lists import fold

LISTS = Path(__file__).with_name("lists.json.gz")
Part = Literal["f", "m", "lf", "lm"]  # first names of women, of men, family names of both


@dataclass(frozen=True, slots=True)
class Lists:
    """Words as they are written.

    `part_of` has names in small letters, as written and folded; `country_of` folded cities.

    A name is in the first language that has it, English before all; a first name before a family
    name. A city is in the country that has the most of that name's people.
    """

    names: Mapping[str, Mapping[Part, Sequence[str]]]
    part_of: Mapping[str, tuple[str, tuple[Part, ...]]]
    cities: Mapping[str, Sequence[str]]
    country_of: Mapping[str, str]
    countries: Sequence[str]
    states: Mapping[str, str]
    folded_countries: frozenset[str]
    folded_states: frozenset[str]


@cache
def surrogate_lists() -> Lists:
    """Return the lists; reading them takes a tenth of a second, once."""
    with gzip.open(LISTS, "rt", encoding="utf-8") as file:
        read = json.load(file)
    names: dict[str, dict[Part, list[str]]] = read["names"]
    part_of: dict[str, tuple[str, tuple[Part, ...]]] = {}
    pairs: tuple[tuple[Part, Part], ...] = (("f", "m"), ("lf", "lm"))
    for pair in pairs:
        for language in names:
            own: dict[str, list[Part]] = {}
            for part in pair:
                for name in names[language][part]:
                    for written in {name.casefold(), fold(name)}:
                        own.setdefault(written, []).append(part)
            for name, parts in own.items():
                part_of.setdefault(name, (language, tuple(dict.fromkeys(parts))))
    cities: dict[str, list[str]] = read["cities"]
    main = ["US", "GB", "DE", "FR", *cities]
    country_of = {fold(city): country for country in reversed(main) for city in cities[country]}
    countries, states = read["countries"], read["states"]
    return Lists(
        names,
        part_of,
        cities,
        country_of,
        countries,
        states,
        frozenset(map(fold, countries)),
        frozenset(map(fold, states.values())),
    )


@cache
def pool(language: str, parts: tuple[Part, ...]) -> Sequence[str]:
    """Return the names of a language that are of these parts, each once."""
    own = surrogate_lists().names[language]
    return tuple(dict.fromkeys(name for part in parts for name in own[part]))


@cache
def _shapes() -> Mapping[str, str]:
    return tomllib.loads(LISTS.with_name("shapes.toml").read_text(encoding="utf-8"))


def shapes(name: str) -> str:
    """Return the words that make a shape, as `shapes.toml` has them."""
    return _shapes()[name]
