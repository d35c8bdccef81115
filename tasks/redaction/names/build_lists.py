"""Makes the word lists in `lists/` from public packages: `python -m ...names.build_lists FOLDER`.

FOLDER holds the packages unpacked side by side (`lists/README.md` names them, and their
licences). Run it only to renew the lists; the same packages give the same bytes.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tasks.redaction.names.word_lists import LISTS, fold

SOURCES_AT_LEAST, COUNT_AT_LEAST = 5, 20  # of a first name: fewer are mostly mistakes
COMMON_COUNT = 60_000  # of a first name that is an English word too ("Mark", "Grace")
COMMON_SURNAMES = 1_000  # how many surnames may be English words too ("Brown", "Young")
SHORTEST_OTHER = 4  # letters of a city's other names: shorter ones are codes
CITY, METROPOLIS = 100_000, 200_000  # inhabitants
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['.\- ](?=[^\W\d_]))*\.?")
_SCRIPTS = re.compile(r"[\u0021-\u024f\u0370-\u052f\s]+")  # Latin, Greek, Cyrillic


def main() -> None:
    """Write every list."""
    folder = Path(sys.argv[1])
    ordinary, capital = _dictionary(folder)
    first = {name for name, n in _first_names(folder) if n >= COMMON_COUNT or name not in ordinary}
    surnames = {
        name
        for rank, name in enumerate(_census(folder, "dist.all.last"))
        if rank < COMMON_SURNAMES or name not in ordinary
    }
    census = {*_census(folder, "dist.male.first"), *_census(folder, "dist.female.first")}
    first |= census - ordinary
    places, villages, others = _places(folder)
    places |= others - ordinary
    villages -= places | ordinary
    named = first | surnames | places | villages
    lists = {
        "ordinary": ordinary,
        "proper": capital - named - ordinary,
        "first_names": first,
        "surnames": surnames,
        "places": places,
        "villages": villages,
    }
    for name, words in lists.items():
        _write(name, words)


def _more() -> dict[str, Any]:
    return tomllib.loads((LISTS / "more.toml").read_text(encoding="utf-8"))


def _dictionary(folder: Path) -> tuple[set[str], set[str]]:
    """Return what English writes small, and what it writes with a capital only."""
    lines = [
        line
        for file in sorted(folder.rglob("*-english-large"))
        for line in file.read_text(encoding="utf-8").split()
        if not line.endswith("'s")
    ]
    # With its accents too: "many" is a common word, "Mány" is a place.
    plain = {line for line in lines if line.islower()}
    small = plain | {fold(line) for line in plain}
    return small - set(_more()["names_first"].split()), {
        fold(line) for line in lines if not line.islower()
    }


def _first_names(folder: Path) -> Iterator[tuple[str, int]]:
    known: dict[str, list[Any]] = json.loads(_one(folder, "name_data.json").read_text("utf-8"))
    for name, (sources, count, *_) in known.items():
        enough = sources >= SOURCES_AT_LEAST and count >= COUNT_AT_LEAST
        if enough and len(name) > 1 and _WORD.fullmatch(name):
            yield fold(name), count


def _census(folder: Path, file: str) -> Iterator[str]:
    for line in _one(folder, file).read_text("ascii").splitlines():
        yield line.split()[0].lower()


def _places(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """Return countries, states and cities; places smaller than that; other names of cities."""
    big = set(_more()["places"])
    small: set[str] = set()
    others: set[str] = set()
    countries = json.loads(_one(folder, "countries.json").read_text("utf-8")).values()
    big |= set(_names(one["name"] for one in countries))
    states = json.loads(_one(folder, "us_states.json").read_text("utf-8")).values()
    big |= set(_names(one["name"] for one in states))
    counties = json.loads(_one(folder, "us_counties.json").read_text("utf-8"))
    small |= set(_names(one["name"].removesuffix(" County") for one in counties))
    for city in json.loads(_one(folder, "cities500.json").read_text("utf-8")).values():
        known = big if city["population"] >= CITY else small
        known |= set(_names([city["name"]]))
        if city["population"] >= METROPOLIS:
            known = _names(n for n in city["alternatenames"] if _SCRIPTS.fullmatch(n))
            others |= {name for name in known if len(name) >= SHORTEST_OTHER}
    return big, small, others


def _names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        folded = fold(name)
        if len(folded) > 2 and folded.count(" ") < 5 and _WORD.fullmatch(folded):
            yield folded


def _one(folder: Path, name: str) -> Path:
    return next(path for path in sorted(folder.rglob(name)) if path.is_file())


def _write(name: str, words: set[str]) -> None:
    text = "\n".join(sorted(words - {""})) + "\n"
    packed = gzip.compress(text.encode(), 9, mtime=0)
    (LISTS / f"{name}.txt.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
