"""Surrogates of every kind, over drawn values: another value of the same shape, by a key."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from data_contracts.contracts import NO_SURROGATE, PII_KINDS
from tasks.redaction.engine import find_forms
from tasks.redaction.forms.numbers.checksums import luhn
from tasks.redaction.names.word_lists import fold
from tasks.redaction.surrogates.lists import pool, surrogate_lists
from tasks.redaction.surrogates.numbers import identifier
from tasks.redaction.surrogates.surrogate import Scope, scope_of, surrogate
from tests.benchmarks.redaction.made.national import NUMBERS

SEED = 1603
KEY = b"a key of tests"
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
NOBODYS_NET = ip_network("2001:db8::/32")


def scope(*values: tuple[str, str], key: bytes = KEY, salt: str = "") -> Scope:
    return scope_of(key, salt, "", values)


def made(kind: str, value: str, **more: str) -> str:
    found = surrogate(kind, value, scope((kind, value), **more))  # pyright: ignore[reportArgumentType]
    assert found is not None, (kind, value)
    return found


def digits(chance: random.Random, shape: str) -> str:
    return re.sub("#", lambda _: chance.choice(string.digits[1:]), shape)


def name(chance: random.Random) -> str:
    lists = surrogate_lists().names
    own = lists[chance.choice([one for one in lists if one not in ("zh", "ja", "ko")])]
    first, last = chance.choice([*own["f"], *own["m"]]), chance.choice(own["lf"])
    form = chance.choice(("{0} {1}", "{1}", "{0}", "Dr. {0} {1}", "{1}, {0}"))
    return chance.choice((str, str.upper, str.lower))(form.format(first, last))


def mail(chance: random.Random) -> str:
    own = surrogate_lists().names["en"]
    first, last = fold(chance.choice(own["f"])), fold(chance.choice(own["lf"]))
    return f"{first}{chance.choice(('.', '_', '-'))}{last}{chance.choice(('', '84'))}@mail.example"


def city(chance: random.Random) -> str:
    cities = surrogate_lists().cities
    return chance.choice(cities[chance.choice([one for one in cities if len(cities[one]) > 5])])


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "EMAIL": mail,
    "PHONE": lambda c: digits(
        c, c.choice(("+44 20 #### ####", "(###) ###-####", "###-####", "+47 ## ## ## ##",
                     "0##-#######", "06 ## ## ## ##", "+49 30 ########", "1-###-###-####"))
    ),
    "HANDLE": lambda c: f"@{mail(c).partition('@')[0].replace('-', '_')}",
    "CARD": lambda c: digits(c, c.choice(("4### #### #### ####", "5###-####-####-####"))),
    "IBAN": lambda c: digits(c, c.choice(("DE## #### #### #### #### ##", "GB##WEST############"))),
    "ACCOUNT": lambda c: digits(c, "##########"),
    "SSN": lambda c: digits(c, c.choice(("###-##-####", "#########", "### ## ####"))),
    "TAX_ID": lambda c: digits(c, "##-#######"),
    "NATIONAL_ID": lambda c: digits(c, c.choice(("######-####", "AB ## ## ## C", "########Z"))),
    "HEALTH_ID": lambda c: digits(c, "### ### ####"),
    "PASSPORT": lambda c: digits(c, c.choice(("#########", "AB######"))),
    "LICENSE": lambda c: digits(c, "D#######"),
    "IP": lambda c: c.choice((digits(c, "1#.1##.#.#"), digits(c, "2001:4860:####::##"))),
    "MAC": lambda c: digits(c, c.choice(("##:1B:##:1F:3A:B#", "00-1b-44-11-3a-##"))),
    "DATE_OF_BIRTH": lambda c: c.choice((
        f"{c.randint(1, 28)} "
        f"{c.choice(('May', 'MARCH', 'sept', 'Juni', 'août'))} {c.randint(1940, 1999)}",
        f"19{c.randint(40, 99)}-{c.randint(1, 12):02}-{c.randint(1, 28):02}",
        f"{c.randint(1, 12)}/{c.randint(13, 28)}/{c.randint(60, 99)}",
    )),
    "ADDRESS": lambda c: f"{c.randint(2, 400)} {c.choice(pool('en', ('lf',)))} Lane",
    "PERSON": name,
    "LOCATION": city,
    "ORGANIZATION": lambda c: f"{c.choice(surrogate_lists().names['de']['lf'])} GmbH",
}  # fmt: skip


def test_every_kind_has_a_surrogate_but_secrets() -> None:
    assert set(MAKERS) == set(PII_KINDS) - set(NO_SURROGATE)
    for kind in NO_SURROGATE:
        assert surrogate(kind, "sk-live-31337", scope((kind, "sk-live-31337"))) is None


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_surrogate_is_another_value_of_the_same_shape(kind: str) -> None:
    chance = random.Random(f"{SEED}{kind}")
    for _ in range(150):
        value = MAKERS[kind](chance)
        found = made(kind, value)
        assert fold(found) != fold(value)
        assert found == made(kind, value)  # by the key alone
        if kind not in (
            "IP",
            "MAC",
            "EMAIL",
            "DATE_OF_BIRTH",
            "LOCATION",
            "ORGANIZATION",
            "ADDRESS",
        ):
            # Signs, digits and letters stand where they stood, but for the length of names.
            shape = re.sub(r"[^\W\d_]+", "a", value)
            assert re.sub(r"\d", "0", re.sub(r"[^\W\d_]+", "a", found)) == re.sub(r"\d", "0", shape)
        if value.isupper() and any(map(str.isalpha, value)):
            assert found.isupper()
        elif value.islower():
            assert found == found.lower() or kind == "IP"


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_another_key_or_record_makes_other_surrogates(kind: str) -> None:
    chance = random.Random(f"{SEED + 1}{kind}")
    values = [MAKERS[kind](chance) for _ in range(40)]

    def all_made(key: bytes, salt: str) -> list[str | None]:
        return [surrogate(kind, one, scope((kind, one), key=key, salt=salt)) for one in values]

    first = all_made(KEY, "one record")
    for other in (all_made(b"a second key", "one record"), all_made(KEY, "another record")):
        equal = sum(one == two for one, two in zip(first, other, strict=True))
        assert equal < 0.25 * len(values)


def test_a_surrogate_holds_no_word_of_another_value_of_the_record() -> None:
    chance = random.Random(SEED)
    for _ in range(100):
        own = [name(chance) for _ in range(6)]
        shared = scope(*(("PERSON", one) for one in own), salt=str(chance.random()))
        taken = {fold(word) for one in own for word in re.findall(r"[^\W\d_]{2,}", one)} - {"dr"}
        found = [surrogate("PERSON", one, shared) for one in own]
        for one in filter(None, found):
            assert not {fold(word) for word in re.findall(r"[^\W\d_]{2,}", one)} & taken
        by_key: dict[str, set[str]] = {}
        for one, new in zip(own, found, strict=True):
            by_key.setdefault(str(new).casefold(), set()).add(fold(one))
        assert all(len(those) == 1 for those in by_key.values())


def test_names_keep_gender_and_language_and_their_parts() -> None:
    lists = surrogate_lists()
    women, men = set(lists.names["en"]["f"]), set(lists.names["en"]["m"])
    only = sorted(women - men)[::7]
    assert {made("PERSON", one) for one in only} <= women
    russian = set(lists.names["ru"]["f"])
    assert made("PERSON", "Наталья") in russian
    whole = scope(("PERSON", "Ann Lee"), ("PERSON", "Ann"), ("EMAIL", "ann.lee@mail.example"))
    full = str(surrogate("PERSON", "Ann Lee", whole))
    first, last = full.split()
    assert surrogate("PERSON", "Ann", whole) == first
    assert surrogate("PERSON", "Ann's", whole) == f"{first}'s"
    assert surrogate("PERSON", "Mrs. Lee", whole) == f"Mrs. {last}"
    mailed = str(surrogate("EMAIL", "ann.lee@mail.example", whole))
    assert mailed.startswith(f"{fold(first)}.{fold(last)}@example.")


def test_numbers_are_nobodys() -> None:
    chance = random.Random(SEED)
    for _ in range(200):
        assert not luhn(re.sub(r"\D", "", made("CARD", MAKERS["CARD"](chance))))
        assert re.match(r"[A-Z]{2}00", made("IBAN", MAKERS["IBAN"](chance)).replace(" ", ""))
        social = re.sub(r"\D", "", made("SSN", MAKERS["SSN"](chance)))
        assert social[0] == "9" and 1 <= int(social[3:5]) <= 49
        address = ip_address(made("IP", MAKERS["IP"](chance)))
        assert any(address in net for net in [*DOCUMENTATION, NOBODYS_NET])
        card = re.sub(r"\W", "", made("MAC", MAKERS["MAC"](chance))).lower()
        assert card.startswith("00005e0053")
        assert re.fullmatch(r".+@(?i:example\.(?:com|org|net))", made("EMAIL", mail(chance)))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("(415) 234-1234", r"\(\d{3}\) 555-01\d\d"),
        ("1-415-234-1234", r"1-\d{3}-555-01\d\d"),
        ("234-1234", r"555-01\d\d"),
        ("+44 20 7999 0958", r"\+44 (?:77 0090 0|16 3296 0|20 7946 0|11 3496 0)\d{3}"),
        ("+44 (0)20 7999 0958", r"\+44 \(0\)\d\d \d{4} \d{4}"),
        ("07911 123456", r"0(?:7700 900|1632 960|2079 460|1134 960)\d{3}"),
        ("06 12 34 56 78", r"0(?:1 99 00|6 39 98|2 61 91|3 53 01) \d\d \d\d"),
        ("+49 30 12345678", r"\+49 \d\d \d{8}"),
        ("+47 22 33 44 55", r"\+47 00 \d\d \d\d \d\d"),
    ],
)  # fmt: skip
def test_phones_are_of_ranges_that_nobody_has(value: str, wanted: str) -> None:
    assert re.fullmatch(wanted, made("PHONE", value))


def test_no_check_digit_proves_a_drawn_number() -> None:
    """Valid numbers of every country go in; what comes out is found as nobody's by its form."""
    chance = random.Random(SEED)
    values = [number.fresh(chance) for number in NUMBERS for _ in range(4)]
    drawn = [identifier(one, scope().draws("test", one)) for one in values]
    assert all(drawn)
    before, after = find_forms(values), find_forms([str(one) for one in drawn])
    sure = [any(one.score >= 0.85 for one in found) for found in before]
    still = [any(one.score >= 0.85 for one in found) for found in after]
    assert sum(sure) > 50 and sum(still) == 0


def test_what_has_no_known_shape_gets_none() -> None:
    for kind, value in (
        ("PERSON", "أحمد"),
        ("PHONE", "call me"),
        ("CARD", "four one one one"),
        ("DATE_OF_BIRTH", "the year of the cat"),
        ("DATE_OF_BIRTH", "31 February 1980"),
        ("EMAIL", "ann at mail"),
    ):
        assert surrogate(kind, value, scope((kind, value))) is None


def test_nothing_of_a_name_stays_because_it_is_also_a_title_or_a_kind_of_street() -> None:
    assert "don" not in made("PERSON", "Don Lee").lower().split()
    assert made("PERSON", "Dr. Lee").startswith("Dr. ")
    for value, kept in (("12 Park Hill", "Hill"), ("5 The Avenue", "Avenue"), ("7 High St", "St")):
        found = made("ADDRESS", value)
        assert found.endswith(f" {kept}") and value.split()[1] not in found
    assert made("ADDRESS", "Birkenstraße 7").partition(" ")[0].endswith("straße")
    assert re.fullmatch(r"P\.O\. Box \d{3}", made("ADDRESS", "P.O. Box 123"))
    assert made("ORGANIZATION", "University of Leeds").startswith("University of ")
    assert "Leeds" not in made("ORGANIZATION", "University of Leeds")
    assert re.fullmatch(r"[A-Z]{3}", made("ORGANIZATION", "IBM"))
