"""Detectors of national numbers with letters in them, each with its country's check."""

from __future__ import annotations

import re
from collections.abc import Callable

from tasks.redaction.forms.numbers.checksums import is_date, mrz_check, weighted
from tasks.redaction.forms.numbers.surroundings import glued, said_to_be_other
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_SIGN = compiled(r"[A-Z0-9]")
_ODD = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)
_MONTHS = "ABCDEHLMPRST"
_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def _code(match: re.Match[str]) -> str:
    return "".join(_SIGN.findall(match[0].upper()))


def _dni(code: str) -> bool:
    """Spain: the rest by 23 chooses the letter; X, Y, Z of a foreigner count as 0, 1, 2."""
    number = code[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def _codice_fiscale(code: str) -> bool:
    """Italy: letters and digits have one value in even and another in odd places."""
    values = [int(sign) if sign.isdigit() else ord(sign) - 65 for sign in code[:15]]
    total = sum(_ODD[value] if place % 2 == 0 else value for place, value in enumerate(values))
    return code[8] in _MONTHS and chr(65 + total % 26) == code[15]


def _hetu(code: str) -> bool:
    """Finland: a date, and the rest by 31 of the nine digits."""
    day, month = int(code[:2]), int(code[2:4])
    digits = code[:6] + code[-4:-1]
    return is_date(2000, month, day) and _FINNISH[int(digits) % 31] == code[-1]


def _chinese(code: str) -> bool:
    """China, GB 11643: ISO 7064 mod 11-2 over a region, a date and a serial number."""
    total = weighted(code[:17], [pow(2, 17 - place, 11) for place in range(17)])
    born = is_date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    return born and "10X98765432"[total % 11] == code[17]


def _nric(code: str) -> bool:
    """Singapore: weights 2 7 6 5 4 3 2 and an offset; the letters depend on the first one."""
    offset = {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[code[0]]
    rest = (weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + offset) % 11
    if code[0] == "M":
        return "KLJNPQRTUWX"[10 - rest] == code[8]
    return ("JZIHGFEDCBA" if code[0] in "ST" else "XWUTRQPNMLK")[rest] == code[8]


def _taiwanese(code: str) -> bool:
    """Taiwan: the letter is a number of two digits; modulus 10."""
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    return (
        first // 10 + first % 10 * 9 + weighted(code[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))
    ) % 10 == 0


def _hong_kong(code: str) -> bool:
    """Hong Kong: modulus 11; a single letter counts as if a space stood before it."""
    letters = code[:-7].rjust(2)
    values = [36 if sign == " " else ord(sign) - 55 for sign in letters] + list(
        map(int, code[-7:-1])
    )
    total = sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True))
    return "0A987654321"[total % 11] == code[-1]


def _curp(code: str) -> bool:
    """Mexico: a date, and modulus 10 over values that count the letter after N."""
    total = sum(_CURP.index(sign) * (18 - place) for place, sign in enumerate(code[:17]))
    return is_date(2000, int(code[6:8]), int(code[8:10])) and str(-total % 10) == code[17]


def _rfc(code: str) -> bool:
    return is_date(2000, int(code[-7:-5]), int(code[-5:-3])) if len(code) in {12, 13} else False


def _rut(code: str) -> bool:
    """Chile: modulus 11 with weights 2 to 7 from the right."""
    total = weighted(code[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3))
    return "0K987654321"[total % 11] == code[-1]


def _pps(code: str) -> bool:
    """Ireland: modulus 23; a second letter counts nine times."""
    second = 9 * (ord(code[8]) - 64) if len(code) == 9 and code[8] not in "TWX" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(code, range(8, 1, -1)) + second) % 23] == code[7]


def _versicherung(code: str) -> bool:
    """Germany, pension: the letter is its place of two digits; sums of digits of the products."""
    digits = code[:8] + f"{ord(code[8]) - 64:02d}" + code[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = (int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(code[11])


def _corsican(code: str) -> bool:
    """France, born in Corsica: 2A counts as 19, 2B as 18."""
    number = code.replace("2A", "19", 1) if "2A" in code[5:7] else code.replace("2B", "18", 1)
    return number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


def _uid(code: str) -> bool:
    """Switzerland, business register: modulus 11."""
    return (11 - weighted(code[3:], (5, 4, 3, 2, 7, 6, 5, 4)) % 11) % 11 == int(code[11])


def _mrz(code: str) -> bool:
    """Second line of a passport: number, birth and expiry carry their checks."""
    fields = ((0, 9), (13, 19), (21, 27))
    return all(mrz_check(code[low:high], code[high]) for low, high in fields)


def _detector(
    kind: str,
    name: str,
    form: str,
    check: Callable[[str], bool] | None = None,
    *,
    capitals: bool = False,
    trigger: str = "",
) -> Detector:
    """Return a detector of a whole code; the form in ASCII is its own trigger."""

    def agrees(match: re.Match[str]) -> bool:
        if glued(match.string, *match.span()) or said_to_be_other(match.string, match.start()):
            return False
        return check is None or check(_code(match))

    flags = 0 if capitals else re.IGNORECASE
    return Detector(
        kind=kind,
        name=name,
        trigger=trigger or rf"\b{form}\b",
        pattern=compiled(rf"(?<![A-Za-z0-9]){form}(?![A-Za-z0-9])", flags),
        score=0.95 if check else 0.8,
        before=60,
        after=30,
        check=agrees,
        needs_digit=True,
    )


NATIONAL_CODES = (
    # GOV.UK, NIM39110: these prefixes are never given.
    _detector(
        "NATIONAL_ID",
        "National Insurance number",
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?[0-9]{2}[ -]?[0-9]{2}"
        r"[ -]?[0-9]{2}[ -]?[A-D]",
        trigger=r"\b[A-Z]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[A-D]\b",
    ),
    _detector("NATIONAL_ID", "DNI", r"[0-9]{8}[ -]?[A-HJ-NP-TV-Z]", _dni),
    _detector("NATIONAL_ID", "DNI", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}[ -]?[A-HJ-NP-TV-Z]", _dni),
    _detector("NATIONAL_ID", "NIE", r"[XYZ][ -]?[0-9]{7}[ -]?[A-HJ-NP-TV-Z]", _dni),
    _detector(
        "TAX_ID",
        "codice fiscale",
        r"[A-Z]{6} ?[0-9]{2}[A-EHLMPR-T][0-9]{2} ?[A-Z][0-9]{3} ?[A-Z]",
        _codice_fiscale,
    ),
    _detector("NATIONAL_ID", "HETU", r"[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-Y]", _hetu),
    _detector("NATIONAL_ID", "resident identity number", r"[1-9][0-9]{16}[0-9X]", _chinese),
    _detector("NATIONAL_ID", "NRIC", r"[STFGM][0-9]{7}[A-Z]", _nric),
    _detector("NATIONAL_ID", "Taiwan ID", r"[A-Z][1289][0-9]{8}", _taiwanese, capitals=True),
    _detector("NATIONAL_ID", "HKID", r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)", _hong_kong,
              trigger=r"\b[A-Z]{1,2}[0-9]{6}\([0-9A]\)"),
    _detector("NATIONAL_ID", "CURP", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]", _curp),
    _detector("TAX_ID", "RFC", r"[A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{2}[0-9A]", _rfc, capitals=True,
              trigger=r"(?:\b|[&\xd1])[A-Z&\xd1]{2,4}[0-9]{6}[A-Z0-9]{2}[0-9A]\b"),
    _detector("NATIONAL_ID", "RUT", r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9K]", _rut),
    _detector("NATIONAL_ID", "PPS number", r"[0-9]{7}[A-W][A-ITWX]?", _pps, capitals=True),
    _detector("NATIONAL_ID", "Versicherungsnummer",
              r"[0-9]{2}[ ]?[0-9]{6}[ ]?[A-Z][ ]?[0-9]{2}[ ]?[0-9]", _versicherung),
    _detector("NATIONAL_ID", "NIR",
              r"[12][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?2[AB][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}",
              _corsican),
    _detector("TAX_ID", "UID", r"CHE[- ]?[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}", _uid, capitals=True),
    # A state, a PAN, a count, a Z and a check sign.
    _detector("TAX_ID", "GSTIN", r"[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]",
              capitals=True),
    _detector("TAX_ID", "PAN", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", capitals=True),
    # CMS, "Understanding the Medicare Beneficiary Identifier": no S, L, O, I, B, Z.
    _detector(
        "HEALTH_ID",
        "Medicare beneficiary",
        r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]"
        r"-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}",
        capitals=True,
    ),
)  # fmt: skip
PASSPORT_LINES = (
    Detector(
        kind="PASSPORT",
        name="passport lines",
        trigger=r"<<[a-z0-9<]{4}",
        pattern=compiled(
            r"(?<![A-Z0-9<])(?:[PIACV][A-Z<][A-Z<]{3}[A-Z0-9<]{25,39}(?:\r?\n[A-Z0-9<]{30,44}){0,2}"
            r"|[A-Z0-9<]{9}[0-9<][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{8,16})(?![A-Z0-9<])"
        ),
        score=0.95,
        before=140,
        after=140,
        check=lambda match: "<<" in match[0] and sum(map(str.isupper, match[0])) >= 4,
    ),
    Detector(
        kind="PASSPORT",
        name="passport line",
        trigger=r"[0-9]{7}[mfx<][0-9]{7}",
        pattern=compiled(
            r"(?<![A-Z0-9<])[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{2,16}"
            r"(?![A-Z0-9<])"
        ),
        score=0.95,
        before=60,
        after=40,
        check=lambda match: _mrz(match[0]),
        needs_digit=True,
    ),
)
