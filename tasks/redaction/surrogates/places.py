"""Places, addresses and organizations: other ones of the same shape. Pure functions over `lists`.

A city becomes a city of the same country, a country a country, a state a state. What makes the
shape stays: "Street", "University of", "GmbH".
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.redaction.names.word_lists import fold, word_lists
from tasks.redaction.patterns import compiled
from tasks.redaction.surrogates.drawing import Draws, cased
from tasks.redaction.surrogates.lists import shapes, surrogate_lists
from tasks.redaction.surrogates.words import TOKEN, NameWords, script

_DEFAULT = ("US", "GB")  # where a place of Latin letters is taken to lie that no list has
_FEWEST = 5  # cities of a country to choose among
_ACRONYM = 4  # letters of a place in short form, such as LAX
_BETWEEN = compiled(r"(\s*[,/;\n]\s*)")
_ENDING = compiled(
    r"(?i)(?<=\w{3})(?:stra(?:ss|ß)e|str|gasse|weg|platz|allee|damm|gata|gatan|gade|vej|vejen|vei"
    r"|veien|vegen|väg|vägen|straat|laan|plein|kade|gracht|dijk|katu|tie|utca)$"
)
_STAY = frozenset(shapes("addresses").split())
_STAY_IN_NAMES = frozenset(shapes("organizations").split())


def location(value: str, draws: Draws) -> str | None:
    """Return another place; None where it is in a script that no list of cities has."""
    parts = _BETWEEN.split(value)
    made = [_place(part, draws) if number % 2 == 0 else part for number, part in enumerate(parts)]
    return None if any(part is None for part in made) else "".join(map(str, made))


def _place(part: str, draws: Draws) -> str | None:
    if not part.strip():
        return part
    lists, plain = surrogate_lists(), fold(part)
    if part in lists.states:
        return draws.of([code for code in lists.states if code != part])
    if part.isupper() and part.isalpha() and len(part) <= _ACRONYM and part.isascii():
        return draws.alike(part)
    if plain in lists.folded_countries:
        return _other(part, lists.countries, draws)
    if plain in lists.folded_states:
        return _other(part, list(lists.states.values()), draws)
    if script(part) != "LATIN":
        return None
    country = lists.country_of.get(plain, "")
    cities = lists.cities.get(country, ())
    if len(cities) < _FEWEST:
        cities = [city for one in _DEFAULT for city in lists.cities[one]]
    return _other(part, list(cities), draws)


def _other(part: str, names: Sequence[str], draws: Draws) -> str:
    return cased(draws.of([name for name in names if fold(name) != fold(part)]), part)


def address(value: str, words: NameWords, draws: Draws) -> str | None:
    """Return another address: other numbers and codes, another street, another town."""
    tokens = TOKEN.findall(value)
    made: list[str] = []
    for place, token in enumerate(tokens):
        new = _address_part(tokens, place, token, words, draws)
        if new is None:
            return None
        made.append(new)
    named = [place for place, token in enumerate(tokens) if token.isalpha() and len(token) > 2]
    if len(named) > 1 and all(made[place] == tokens[place] for place in named):
        for place in named[:-1]:  # "12 Park Hill": the name is made of words that else stay
            made[place] = words.word(tokens[place]) or ""
    whole = "".join(made)
    return whole if whole != value and all(made) else None


def _address_part(
    tokens: list[str], place: int, token: str, words: NameWords, draws: Draws
) -> str | None:
    if token.isdigit():
        return draws.alike(token)
    if not token[0].isalpha():
        return token
    plain, lists = fold(token), surrogate_lists()
    beside = [tokens[one] for one in (place - 1, place + 1) if 0 <= one < len(tokens)]
    if plain in _STAY or plain in word_lists().streets:
        return token
    if any(one.isdigit() for one in beside) and len(token) <= 2:
        return draws.alike(token)  # of a postcode, or a house: SW1A, 12b
    if len(token) == 1:
        return token
    if token.isupper() and len(token) == 2 and token not in lists.states:
        return draws.alike(token)  # of a province or a country
    if token in lists.states:
        return draws.of([code for code in lists.states if code != token])
    if plain in lists.country_of or plain in lists.folded_countries:
        return _place(token, draws)
    ending = _ENDING.search(token)
    new = words.word(token[: ending.start()] if ending else token)
    return new + ending[0] if new and ending else new


def organization(value: str, words: NameWords, draws: Draws) -> str | None:
    """Return another organization: what says what it is stays, other words become names."""
    tokens = TOKEN.findall(value)
    known, changed = word_lists(), False
    alone = sum(token[0].isalpha() for token in tokens) == 1
    for place, token in enumerate(tokens):
        plain = fold(token)
        stays = plain in known.forms | known.endings | known.heads or plain in _STAY_IN_NAMES
        if token.isdigit():
            tokens[place] = draws.alike(token)
            continue
        new: str | None
        if not token[0].isalpha() or (stays and not alone):
            continue
        if token.isupper() and len(token) <= _ACRONYM + 1 and token.isascii():
            new = draws.alike(token)
        else:
            new = words.word(token)
        if new is None:
            return None
        tokens[place], changed = new, True
    return "".join(tokens) if changed else None
