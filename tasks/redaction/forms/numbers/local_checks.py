"""Check digits of tax, health and register numbers that only a word beside them gives away.

Each takes the bare digits, as many as its masks in `local_numbers` allow, and follows the rule that
the country's authority publishes. A one-person business is known by its tax number as a citizen is
by theirs.
"""

from __future__ import annotations

from tasks.redaction.forms.numbers.checksums import weighted
from tasks.redaction.forms.numbers.national_checks import rodne_cislo


def nip(digits: str) -> bool:
    """Poland, tax: modulus 11."""
    return weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(digits[9])


def regon(digits: str) -> bool:
    """Poland, business register: modulus 11; of 14 digits the first nine are one already."""
    if len(digits) == 14 and not regon(digits[:9]):
        return False
    weights = (8, 9, 2, 3, 4, 5, 6, 7)
    if len(digits) == 14:
        weights = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)
    return weighted(digits, weights) % 11 % 10 == int(digits[-1])


def numero_fiscal(digits: str) -> bool:
    """France, tax: the rest of the first ten by 511."""
    return digits[0] in "0123" and int(digits[:10]) % 511 == int(digits[10:])


def afm(digits: str) -> bool:
    """Greece, tax: powers of two, modulus 11."""
    powers = (256, 128, 64, 32, 16, 8, 4, 2)
    return weighted(digits, powers) % 11 % 10 == int(digits[8])


def adoazonosito(digits: str) -> bool:
    """Hungary, tax of a person: an 8, a date, modulus 11."""
    return digits[0] == "8" and weighted(digits, range(1, 10)) % 11 == int(digits[9])


def taj(digits: str) -> bool:
    """Hungary, health: weights 3 and 7, modulus 10."""
    return weighted(digits, (3, 7) * 4) % 10 == int(digits[8])


def adoszam(digits: str) -> bool:
    """Hungary, tax of a business: weights 9 7 3 1 over eight digits; kind and county follow."""
    return weighted(digits, (9, 7, 3, 1) * 2) % 10 == 0


def orgnr_no(digits: str) -> bool:
    """Norway, business register: modulus 11."""
    return weighted(digits, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def abgabenkonto(digits: str) -> bool:
    """Austria, tax: Luhn's doubling over eight digits, and ten less it."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits[:8]))
    return -sum(one // 10 + one % 10 for one in doubled) % 10 == int(digits[8])


def lnch(digits: str) -> bool:
    """Bulgaria, foreigners: modulus 10."""
    return weighted(digits, (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10 == int(digits[9])


def acn(digits: str) -> bool:
    """Australia, company register: modulus 10."""
    return -weighted(digits, range(8, 0, -1)) % 10 == int(digits[8])


def nuss(digits: str) -> bool:
    """Spain, social security: the rest by 97 of province and number."""
    province, number = int(digits[:2]), int(digits[2:10])
    shift = 10_000_000 if number < 10_000_000 else 100_000_000
    return (province * shift + number) % 97 == int(digits[10:])


def niss(digits: str) -> bool:
    """Portugal, social security: primes as weights, modulus 10."""
    primes = (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)
    return digits[0] in "12" and 9 - weighted(digits, primes) % 10 == int(digits[10])


def dic(digits: str) -> bool:
    """Slovakia, tax: divided by eleven; of a person there and in Czechia it is the birth number."""
    return (digits[0] != "0" and int(digits) % 11 == 0) or rodne_cislo(digits)


def ondernemingsnummer(digits: str) -> bool:
    """Belgium, business register and VAT: the first eight and the last two add up to 0 by 97."""
    return digits[0] in "01" and (int(digits[:8]) + int(digits[8:])) % 97 == 0


def pis(digits: str) -> bool:
    """Brazil, social security: modulus 11."""
    check = 11 - weighted(digits, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if check > 9 else check) == int(digits[10])


def phn(digits: str) -> bool:
    """British Columbia, health: a 9, modulus 11."""
    rest = weighted(digits[1:], (2, 4, 8, 5, 10, 9, 7, 3)) % 11
    return digits[0] == "9" and (11 - rest) % 11 == int(digits[9])


def vat_gb(digits: str) -> bool:
    """United Kingdom, VAT: modulus 97, with or without 55."""
    rest = weighted(digits, (8, 7, 6, 5, 4, 3, 2, 10, 1)) % 97
    return rest in {0, 42, 55}


def pvm(digits: str) -> bool:
    """Lithuania, VAT: modulus 11 in two rounds; a 1 before the last digit."""
    body = digits[:-1]
    rest = weighted(body, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2)) % 11
    if rest == 10:
        rest = weighted(body, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4)) % 11 % 10
    return digits[-2] == "1" and rest == int(digits[-1])


def personas_kods(digits: str) -> bool:
    """Latvia: modulus 11; 32 begins those without a check, 4 to 9 those of a business."""
    if digits[0] > "3":
        return weighted(digits, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3
    rest = (1 + weighted(digits, (10, 5, 8, 4, 2, 1, 6, 3, 7, 9))) % 11 % 10
    return digits.startswith("32") or rest == int(digits[10])
