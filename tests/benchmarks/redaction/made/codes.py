"""Draws national numbers that have letters, or a form that chance seldom hits, and checks them.

The checks are written anew from what each country publishes, not taken from redaction.
"""

from __future__ import annotations

import itertools
import random
import string
from datetime import date, timedelta

Random = random.Random
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD = dict(zip(string.digits + string.ascii_uppercase, (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8,
    12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CURP = "0123456789ABCDEFGHIJKLMN?OPQRSTUVWXYZ"
_TAIWAN = {letter: n + 10 for n, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO")}
_MBI = "ACDEFGHJKMNPQRTUVWXY"


def _digits(chance: Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def _letters(chance: Random, count: int, of: str = string.ascii_uppercase) -> str:
    return "".join(chance.choices(of, k=count))


def _day(chance: Random) -> date:
    return date(1935, 1, 1) + timedelta(days=chance.randrange(27_000))


def born(chance: Random, form: str) -> str:
    """Return a day of the last century and a bit, in a form of `strftime`."""
    return _day(chance).strftime(form)


def nino(chance: Random) -> str:
    first, second = _letters(chance, 1, "ABCEHJLMPRSWXY"), _letters(chance, 1, "ABCEHJLMPRSWXY")
    return first + second + _digits(chance, 6) + chance.choice("ABCD")


def steuer_id(chance: Random) -> str:
    """Return a body in which one digit stands twice, with the check digit of ISO 7064."""
    body = chance.sample(string.digits, 9)
    body.insert(chance.randrange(1, 10), chance.choice(body))
    if body[0] == "0" or any(one == other for one, other in itertools.pairwise(body)):
        return steuer_id(chance)
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return "".join(body) + str((11 - product) % 10)


def versicherung(chance: Random) -> str:
    return _digits(chance, 2) + born(chance, "%d%m%y") + _letters(chance, 1) + _digits(chance, 3)


def is_versicherung(code: str) -> bool:
    row = code[:8] + f"{ord(code[8]) - 64:02d}" + code[9:11]
    products = [int(d) * w for d, w in zip(row, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)]
    return sum(sum(map(int, str(one))) for one in products) % 10 == int(code[11])


def nir(chance: Random) -> str:
    body = chance.choice("12") + born(chance, "%y%m") + f"{chance.randrange(1, 95):02d}"
    body += f"{chance.randrange(1, 900):03d}{chance.randrange(1, 900):03d}"
    return body + f"{97 - int(body) % 97 if chance.random() < 0.8 else chance.randrange(1, 97):02d}"


def rodne_cislo(chance: Random) -> str:
    day = date(1954, 1, 1) + timedelta(days=chance.randrange(20_000))
    month = day.month + chance.choice((0, 50))
    return f"{day:%y}{month:02d}{day:%d}{_digits(chance, 4)}"


def jmbg(chance: Random) -> str:
    day = _day(chance)
    return f"{day:%d%m}{day.year % 1000:03d}{chance.randrange(10, 90)}{_digits(chance, 4)}"


def dni(chance: Random) -> str:
    return _digits(chance, 8) + _letters(chance, 1, _DNI)


def nie(chance: Random) -> str:
    return chance.choice("XYZ") + _digits(chance, 7) + _letters(chance, 1, _DNI)


def is_dni(code: str) -> bool:
    number = "XYZ".find(code[0])
    return _DNI[int(code[:8] if number < 0 else f"{number}{code[1:8]}") % 23] == code[-1]


def codice_fiscale(chance: Random) -> str:
    day = _day(chance)
    number = day.day + chance.choice((0, 40))
    when = f"{day:%y}{'ABCDEHLMPRST'[day.month - 1]}{number:02d}"
    name = _letters(chance, 6, "BCDFGLMNPRSTVZ")
    return f"{name}{when}{_letters(chance, 1)}{_digits(chance, 3)}{_letters(chance, 1)}"


def is_codice_fiscale(code: str) -> bool:
    even = sum(int(one) if one.isdigit() else ord(one) - 65 for one in code[1:15:2])
    return (even + sum(_ODD[one] for one in code[0:15:2])) % 26 == ord(code[15]) - 65


def hetu(chance: Random) -> str:
    day = _day(chance)
    sign = "-" if day.year < 2000 else "A"
    return f"{day:%d%m%y}{sign}{chance.randrange(2, 900):03d}{_letters(chance, 1, _HETU)}"


def is_hetu(code: str) -> bool:
    return _HETU[int(code[:6] + code[7:10]) % 31] == code[10]


def pps(chance: Random) -> str:
    return _digits(chance, 7) + _letters(chance, 1, _PPS) + chance.choice(("", "A", "B", "H"))


_PPS = "WABCDEFGHIJKLMNOPQRSTUV"


def is_pps(code: str) -> bool:
    total = sum(
        int(digit) * weight for digit, weight in zip(code[:7], range(8, 1, -1), strict=True)
    )
    return _PPS[(total + 9 * (ord(code[8]) - 64 if len(code) > 8 else 0)) % 23] == code[7]


def curp(chance: Random) -> str:
    name, rest = _letters(chance, 4, "BCDFGLMPRST"), _letters(chance, 3, "BCDFGLMPRST")
    state = chance.choice(("DF", "JC", "NL", "MC"))
    day = born(chance, "%y%m%d")
    return f"{name}{day}{chance.choice('HM')}{state}{rest}{_digits(chance, 2)}"


def is_curp(code: str) -> bool:
    total = sum(
        _CURP.index(sign) * weight for sign, weight in zip(code, range(18, 1, -1), strict=False)
    )
    return (10 - total % 10) % 10 == int(code[17])


def rfc(chance: Random) -> str:
    name = _letters(chance, 4, "BCDFGLMPRST")
    return name + born(chance, "%y%m%d") + _letters(chance, 2) + chance.choice("0123456789A")


def rut(chance: Random) -> str:
    return str(chance.randrange(10_000_000, 26_000_000)) + _letters(chance, 1, "0123456789K")


def is_rut(code: str) -> bool:
    total = sum(int(d) * (2 + n % 6) for n, d in enumerate(reversed(code[:8])))
    return "0123456789K0"[11 - total % 11] == code[8]


def pan(chance: Random) -> str:
    kind = chance.choice("PPPCHF")
    return (
        _letters(chance, 3) + kind + _letters(chance, 1) + _digits(chance, 4) + _letters(chance, 1)
    )


def chinese(chance: Random) -> str:
    area = chance.choice(("110105", "310104", "440305", "510107", "330106"))
    return area + born(chance, "%Y%m%d") + _digits(chance, 3) + _letters(chance, 1, "0123456789X")


def is_chinese(code: str) -> bool:
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(code[:17]))
    return "10X98765432"[total % 11] == code[17]


def nric(chance: Random) -> str:
    return chance.choice("STFG") + _digits(chance, 7) + _letters(chance, 1)


def is_nric(code: str) -> bool:
    total = sum(int(d) * w for d, w in zip(code[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += 4 if code[0] in "TG" else 0
    row = "JZIHGFEDCBA" if code[0] in "ST" else "XWUTRQPNMLK"
    return row[total % 11] == code[8]


def taiwanese(chance: Random) -> str:
    return _letters(chance, 1) + chance.choice("12") + _digits(chance, 8)


def is_taiwanese(code: str) -> bool:
    tens, ones = divmod(_TAIWAN[code[0]], 10)
    rest = sum(int(d) * w for d, w in zip(code[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True))
    return (tens + 9 * ones + rest) % 10 == 0


def hong_kong(chance: Random) -> str:
    return f"{_letters(chance, 1)}{_digits(chance, 6)}({_letters(chance, 1, '0123456789A')})"


def is_hong_kong(code: str) -> bool:
    total = 36 * 9 + (ord(code[0]) - 55) * 8
    total += sum(int(d) * w for d, w in zip(code[1:7], range(7, 1, -1), strict=True))
    return "0123456789A0"[11 - total % 11] == code[8]


def ssn(chance: Random) -> str:
    area = chance.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}{chance.randrange(1, 100):02d}{chance.randrange(1, 10_000):04d}"


def itin(chance: Random) -> str:
    return f"9{_digits(chance, 2)}{chance.choice((*range(70, 89), 90, 91, 92))}{_digits(chance, 4)}"


def medicare(chance: Random) -> str:
    """Return a Medicare Beneficiary Identifier: C A AN N A AN N A A N N."""
    one, two = _letters(chance, 1, _MBI + string.digits), _letters(chance, 1, _MBI + string.digits)
    head = f"{chance.randrange(1, 10)}{_letters(chance, 1, _MBI)}{one}{chance.randrange(10)}"
    middle = f"{_letters(chance, 1, _MBI)}{two}{chance.randrange(10)}"
    return head + middle + _letters(chance, 2, _MBI) + _digits(chance, 2)
