"""What stands for a value under the policy "surrogate": another value of its kind and shape.

Drawn by HMAC from the home's key, so the same value gets the same one again, and nothing is kept
from which it could be looked up. Pure functions over `lists`; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from data_contracts.contracts import PiiKind
from tasks.redaction.kinds import value_key
from tasks.redaction.names.word_lists import fold
from tasks.redaction.surrogates import dates, numbers, places, words
from tasks.redaction.surrogates.drawing import Draws
from tasks.redaction.surrogates.words import NameWords

SURROGATES = 1  # raised when another surrogate is made of the same value and key
_TRIES = 20
_SHORTEST_WORD = 2  # letters of a word that no surrogate may hold


@dataclass(slots=True)
class Scope:
    """Within what a value has one surrogate, and what none may be.

    `salt` is the record's own, or empty for a whole data set. `subject` says whose dates move
    together. `words` are the folded words of all values that are taken out of the record, `values`
    their keys; `used` what stands for which of them already.
    """

    key: bytes
    salt: str
    subject: str
    words: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    used: dict[str, str] = field(default_factory=dict[str, str])

    def draws(self, *purpose: str) -> Draws:
        """Return the draws for a purpose."""
        return Draws(self.key, "surrogate", self.salt, *purpose)

    @property
    def days(self) -> int:
        """Return by how many days the dates of the subject move."""
        return dates.offset(Draws(self.key, "days", self.subject or self.salt).below)


def scope_of(key: bytes, salt: str, subject: str, values: Iterable[tuple[str, str]]) -> Scope:
    """Return the scope of a record out of which these values (kind, value) go."""
    every = list(values)
    tokens = {fold(token) for _, value in every for token in words.TOKEN.findall(value)}
    own = {token for token in tokens if token[:1].isalpha() and len(token) >= _SHORTEST_WORD}
    return Scope(
        key,
        salt,
        subject,
        frozenset(own),
        frozenset(value_key(kind, value) for kind, value in every),
    )


def surrogate(kind: str, value: str, scope: Scope) -> str | None:
    """Return another value; None for a kind that gets none, or a value whose shape is not known.

    It is never the value itself, nor another one that goes from the record, nor what stands for
    another one there: where a draw is, the next is taken.
    """
    make = _MAKERS.get(kind)
    if make is None:
        return None
    own = value_key(kind, value)
    for attempt in range(_TRIES):
        made = make(value, scope, str(attempt))
        if made is None:
            return None
        plain = value_key(kind, made)
        if plain not in scope.values and plain != own and scope.used.setdefault(made, own) == own:
            return made
    return None


_Make = Callable[[str, Scope, str], str | None]


def _name_words(scope: Scope, attempt: str) -> NameWords:
    return NameWords(lambda word: scope.draws("word", word, attempt), scope.words)


def _number(make: Callable[[str, Draws], str | None]) -> _Make:
    """Return a maker whose draws are of the value's figures and letters, however it is written."""

    def made(value: str, scope: Scope, attempt: str) -> str | None:
        plain = "".join(filter(str.isalnum, value.casefold()))
        return make(value, scope.draws(make.__name__, plain, attempt))

    return made


def _worded(make: Callable[[str, NameWords, Draws], str | None]) -> _Make:
    def made(value: str, scope: Scope, attempt: str) -> str | None:
        draws = scope.draws(make.__name__, " ".join(fold(value).split()), attempt)
        return make(value, _name_words(scope, attempt), draws)

    return made


def _person(value: str, scope: Scope, attempt: str) -> str | None:
    return words.person(value, _name_words(scope, attempt))


def _location(value: str, scope: Scope, attempt: str) -> str | None:
    plain = " ".join(fold(value).split())
    return places.location(value, scope.draws("location", plain, attempt))


def _date(value: str, scope: Scope, attempt: str) -> str | None:
    # All dates of a subject move alike, so there is no other draw.
    return dates.moved(value, scope.days) if attempt == "0" else None


_ID = _number(numbers.identifier)
_MAKERS: Mapping[PiiKind | str, _Make] = {
    "EMAIL": _worded(words.mail),
    "PHONE": _number(numbers.phone),
    "HANDLE": _worded(words.handle),
    "CARD": _number(numbers.card),
    "IBAN": _number(numbers.iban),
    "ACCOUNT": _ID,
    "SSN": _number(numbers.social_security),
    "TAX_ID": _ID,
    "NATIONAL_ID": _ID,
    "HEALTH_ID": _ID,
    "PASSPORT": _ID,
    "LICENSE": _ID,
    "IP": _number(numbers.machine),
    "MAC": _number(numbers.network_card),
    "DATE_OF_BIRTH": _date,
    "ADDRESS": _worded(places.address),
    "PERSON": _person,
    "LOCATION": _location,
    "ORGANIZATION": _worded(places.organization),
}
