"""Numbers that are nobody's, in the format of those they stand for. Pure functions.

Phones and addresses of machines come from ranges reserved for examples (NANP 555-01XX; numbers for
drama of Ofcom, ACMA, ARCEP and the Bundesnetzagentur; RFC 5737, 3849 and 7042). There is no such
range for cards, accounts and the numbers of states: a number there fails its check digit, where
there is one, and is otherwise drawn at random.
"""

from __future__ import annotations

import re
from functools import cache
from ipaddress import IPv4Address

from tasks.redaction.forms.numbers.checksums import luhn
from tasks.redaction.forms.numbers.digit_runs import digit_detector
from tasks.redaction.forms.numbers.identifiers import RULES
from tasks.redaction.forms.numbers.national_codes import NATIONAL_CODES
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled
from tasks.redaction.surrogates.drawing import Draws, laid

_AREA = ("202", "206", "212", "303", "305", "312", "404", "415", "512", "617", "702", "713")
# By country code and length of the national number: what it begins with; the rest is drawn.
_RANGES: dict[tuple[str, int], tuple[str, ...]] = {
    ("44", 10): ("7700900", "1632960", "2079460", "1134960"),  # Ofcom, numbers for drama
    ("33", 9): ("19900", "63998", "26191", "35301"),  # ARCEP, numbers for fiction
    ("61", 9): ("25550", "35550", "75550", "85550"),  # ACMA, fictitious numbers
    # Bundesnetzagentur, Mitteilung 148/2021, numbers for media.
    ("49", 10): ("3023125", "6990009", "4066969", "2214710", "8999998"),
}
_NETS = tuple(int(IPv4Address(net)) for net in ("192.0.2.0", "198.51.100.0", "203.0.113.0"))
_NOT_DIGIT = compiled(r"\D")
_HEX = compiled(r"[0-9A-Fa-f]")


def phone(value: str, draws: Draws) -> str | None:
    """Return a number of nobody's, in the same format; None for fewer than 7 digits."""
    digits = _NOT_DIGIT.sub("", value)
    if len(digits) < 7 or not digits.isascii():
        return None
    national, country = _national(value, digits)
    return laid(digits[: len(digits) - len(national)] + _nobodys(national, country, draws), value)


def _national(value: str, digits: str) -> tuple[str, str]:
    """Return the national number and the country code; what stands before it stays as it is."""
    abroad = value.lstrip("( ").startswith("+") or digits.startswith("00")
    if abroad:
        plain = digits.removeprefix("00")
        for country in ("1", "44", "49", "33", "61"):
            if plain.startswith(country):
                return plain.removeprefix(country).removeprefix("0"), country
        return plain[2:], ""
    if len(digits) == 10 and digits[0] in "23456789":
        return digits, "1"
    if len(digits) == 11 and digits[0] == "1":
        return digits[1:], "1"
    if digits[0] == "0" and len(digits) in {10, 11}:
        return digits[1:], "44" if len(digits) == 11 else "33"
    return digits, ""


def _nobodys(national: str, country: str, draws: Draws) -> str:
    count = len(national)
    if country == "1" and count == 10:
        return f"{draws.of(_AREA)}55501{draws.digits(2)}"
    begins = _RANGES.get((country, count))
    if begins:
        start = draws.of(begins)
        return start + draws.digits(count - len(start))
    if count == 7:
        return f"55501{draws.digits(2)}"
    # No country has a number that goes on with two zeros there.
    kept = national[:1] if national.startswith("0") else ""
    return kept + "00" + draws.digits(count - len(kept) - 2)


def card(value: str, draws: Draws) -> str | None:
    """Return a number that fails Luhn's check, which every card has, with the same first digit."""
    digits = _NOT_DIGIT.sub("", value)
    if not digits:
        return None
    made = digits[0] + draws.digits(len(digits) - 1)
    if luhn(made):
        made = made[:-1] + str((int(made[-1]) + 1) % 10)
    return laid(made, value)


def iban(value: str, draws: Draws) -> str | None:
    """Return an IBAN of the same country with check digits 00, which none has (ISO 7064)."""
    found = re.match(r"\s*([A-Za-z]{2})(\W*)(\d)(\W*)(\d)", value)
    if found is None:
        return None
    head = f"{found[1]}{found[2]}0{found[4]}0"
    return value[: found.start(1)] + head + draws.alike(value[found.end() :])


def social_security(value: str, draws: Draws) -> str | None:
    """Return a number with area 9 and group 01 to 49: no SSN and no ITIN has them."""
    digits = _NOT_DIGIT.sub("", value)
    if len(digits) != 9:
        return identifier(value, draws)
    made = f"9{draws.digits(2)}{1 + draws.below(49):02}{draws.digits(4)}"
    return laid(made, value)


def identifier(value: str, draws: Draws) -> str | None:
    """Return a value of the same shape that no check digit proves; None for one without digits."""
    if not any(map(str.isdigit, value)):
        return None
    for _ in range(100):
        made = draws.alike(value)
        if not _proved(made):
            return made
    return None


def _proved(value: str) -> bool:
    """Tell whether a value by itself is somebody's number by its check digit, of any country."""
    return any(
        detector.check is None or detector.check(match)
        for detector in _codes()
        for match in detector.pattern.finditer(value)
        if detector.read is None or list(detector.read(match))
    )


@cache
def _codes() -> tuple[Detector, ...]:
    return (digit_detector(RULES), *NATIONAL_CODES)


def machine(value: str, draws: Draws) -> str | None:
    """Return an address of the networks for documentation: RFC 5737 and, for IPv6, RFC 3849."""
    if ":" not in value:
        return str(IPv4Address(draws.of(_NETS) + 1 + draws.below(254)))
    return f"2001:db8:{draws.below(1 << 16):x}:{draws.below(1 << 16):x}::{1 + draws.below(4095):x}"


def network_card(value: str, draws: Draws) -> str | None:
    """Return a MAC of the range for documentation (RFC 7042), in the same format and case."""
    count = len(_HEX.findall(value))
    begins = {12: "00005e0053", 16: "02005e10000000"}.get(count)
    if begins is None:
        return None
    made = f"{begins}{draws.below(256):02x}"
    signs = iter(made.upper() if value.upper() == value else made)
    return _HEX.sub(lambda _: next(signs), value)
