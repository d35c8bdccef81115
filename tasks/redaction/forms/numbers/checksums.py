"""Check digits of cards, accounts and national numbers. Pure functions over strings of digits.

Sources: ISO/IEC 7812-1 annex B (Luhn), ISO/IEC 7064 (mod 97-10, mod 11-10), J. Verhoeff 1969
(Verhoeff), ICAO 9303-3 (travel documents); national rules are named where they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from operator import mul
from string import ascii_uppercase

# Signs to values, for `bytes.translate`: a digit, and twice a digit with its two digits added.
_ONCE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_LETTERS = str.maketrans({sign: str(value) for value, sign in enumerate(ascii_uppercase, 10)})

# The multiplication of the dihedral group D5, and its permutation, both from Verhoeff.
_D5 = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTED = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the Luhn check digit of the others."""
    if not digits.isascii():  # the digits of another script
        digits = "".join(str(int(digit)) for digit in digits)
    signs = digits.encode("ascii")
    once, twice = signs[::-2].translate(_ONCE), signs[-2::-2].translate(_DOUBLED)
    return (sum(once) + sum(twice)) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Tell whether the last digit is the Verhoeff check digit of the others."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _D5[check][_PERMUTED[place % 8][int(digit)]]
    return check == 0


def mod_97(code: str) -> bool:
    """Tell whether an IBAN (letters and digits, no spaces) leaves 1 when divided by 97."""
    digits = (code[4:] + code[:4]).upper().translate(_LETTERS)
    return digits.isascii() and digits.isdigit() and int(digits) % 97 == 1


def mod_11_10(digits: str) -> bool:
    """Tell whether the last digit is the ISO 7064 mod 11,10 check digit of the others."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int]) -> int:
    """Return the sum of the digits, each times its weight; digits beyond the weights are left."""
    return sum(map(mul, weights, map(int, digits)))  # weights first: a letter may follow the digits


def mrz_check(field: str, check: str) -> bool:
    """Tell whether `check` is the digit that ICAO 9303 puts behind a field of a passport."""
    values = (0 if sign == "<" else int(sign, 36) for sign in field)
    total = sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values))
    return str(total % 10) == check


def is_date(year: int, month: int, day: int) -> bool:
    """Tell whether there is such a day in the calendar."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def ymd(digits: str) -> bool:
    """Tell whether six digits can be year, month and day of some century's date."""
    return is_date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))


def dmy(digits: str) -> bool:
    """Tell whether six digits can be day, month and year of some century's date."""
    return is_date(2000 + int(digits[4:6]), int(digits[2:4]), int(digits[:2]))
