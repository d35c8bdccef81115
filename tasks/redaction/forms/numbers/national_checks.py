"""Check digits and dates in the national numbers that are all digits, one function a number.

Each takes the bare digits, as many as its masks in `national_numbers` allow, and follows the rule
that the country's authority publishes.
"""

from __future__ import annotations

from tasks.redaction.forms.numbers.checksums import (
    dmy,
    is_date,
    luhn,
    mod_11_10,
    verhoeff,
    weighted,
    ymd,
)


def nhs(digits: str) -> bool:
    """England: NHS Data Dictionary, modulus 11."""
    return (11 - weighted(digits, range(10, 1, -1)) % 11) % 11 == int(digits[9])


def steuer_id(digits: str) -> bool:
    """Germany: ISO 7064 mod 11,10; of the first ten one digit stands two or three times."""
    return digits[0] != "0" and 8 <= len(set(digits[:10])) <= 9 and mod_11_10(digits)


def nir(digits: str) -> bool:
    """France: 97 less the rest of the first thirteen by 97."""
    month = int(digits[3:5])
    sensible = digits[0] in "12378" and (1 <= month <= 12 or 20 <= month <= 42 or month >= 50)
    return sensible and 97 - int(digits[:13]) % 97 == int(digits[13:])


def pesel(digits: str) -> bool:
    """Poland: the month carries the century; weights 1 3 7 9."""
    born = digits[:2] + f"{int(digits[2:4]) % 20:02d}" + digits[4:6]
    return ymd(born) and weighted(digits, (1, 3, 7, 9) * 2 + (1, 3, 1)) % 10 == 0


def bsn(digits: str) -> bool:
    """Netherlands: the eleven test."""
    return digits.strip("0") != "" and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def personnummer(digits: str) -> bool:
    """Sweden: a date (day + 60 in a co-ordination number), Luhn over the last ten."""
    ten = digits[-10:]
    day = int(ten[4:6])
    return ymd(f"{ten[:4]}{day - 60 if day > 60 else day:02d}") and luhn(ten)


def fodselsnummer(digits: str) -> bool:
    """Norway: a date (day + 40 in a D-number), two check digits."""
    day = int(digits[:2])
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
    second = weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    return first and second and dmy(f"{day - 40 if day > 40 else day:02d}{digits[2:6]}")


def cpr(digits: str) -> bool:
    """Denmark: a date; the old modulus 11 was given up in 2007."""
    return dmy(digits[:6])


def belgian(digits: str) -> bool:
    """Belgium: 97 less the rest of the first nine by 97; a 2 goes before them from 2000 on."""
    rest = int(digits[9:])
    month = int(digits[2:4]) % 20
    checked = 97 - int(digits[:9]) % 97 == rest or 97 - int("2" + digits[:9]) % 97 == rest
    return checked and month <= 12 and int(digits[4:6]) <= 31


def nif_pt(digits: str) -> bool:
    """Portugal: modulus 11."""
    check = 11 - weighted(digits, range(9, 1, -1)) % 11
    return digits[0] != "0" and (0 if check > 9 else check) == int(digits[8])


def ahv(digits: str) -> bool:
    """Switzerland: the check digit of EAN-13."""
    return digits.startswith("756") and weighted(digits, (1, 3) * 7) % 10 == 0


def cpf(digits: str) -> bool:
    """Brazil, people: two check digits, modulus 11."""
    first = weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


def cnpj(digits: str) -> bool:
    """Brazil, companies: two check digits, modulus 11."""
    weights = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    checks = [weighted(digits, w) % 11 for w in (weights, (6, *weights))]
    return digits[12:] == "".join(str(0 if rest < 2 else 11 - rest) for rest in checks)


def aadhaar(digits: str) -> bool:
    """India: Verhoeff; the first digit is 2 to 9."""
    return digits[0] in "23456789" and verhoeff(digits)


def rrn(digits: str) -> bool:
    """South Korea: a date and a digit of sex and century; the check left it in October 2020."""
    return ymd(digits[:6]) and digits[6] in "12345678"


def tfn(digits: str) -> bool:
    """Australia, tax file: modulus 11."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def medicare(digits: str) -> bool:
    """Australia, health: modulus 10, the ninth digit."""
    check = weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10
    return digits[0] in "23456" and check == int(digits[8])


def abn(digits: str) -> bool:
    """Australia, business: modulus 89 with 1 off the first digit."""
    return (weighted(digits, (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) - 10) % 89 == 0


def sin(digits: str) -> bool:
    """Canada: Luhn; no number starts with 8."""
    return digits[0] != "8" and luhn(digits)


def south_african(digits: str) -> bool:
    """South Africa: a date, a digit of citizenship, Luhn."""
    return ymd(digits[:6]) and digits[10] in "012" and luhn(digits)


def turkish(digits: str) -> bool:
    """Turkey: two check digits over odd and even places."""
    odd, even = sum(map(int, digits[0:9:2])), sum(map(int, digits[1:8:2]))
    tenth = (odd * 7 - even) % 10
    return digits[0] != "0" and digits[9:] == f"{tenth}{(sum(map(int, digits[:9])) + tenth) % 10}"


def thai(digits: str) -> bool:
    """Thailand: modulus 11."""
    return (11 - weighted(digits, range(13, 1, -1)) % 11) % 10 == int(digits[12])


def cuit(digits: str) -> bool:
    """Argentina: modulus 11, known prefixes."""
    check = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    known = digits[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34"}
    return known and {11: 0, 10: 9}.get(check, check) == int(digits[10])


def cnp(digits: str) -> bool:
    """Romania: sex and century, a date, modulus 11."""
    rest = weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    rest = 1 if rest == 10 else rest
    return digits[0] in "12345678" and ymd(digits[1:7]) and rest == int(digits[12])


def jmbg(digits: str) -> bool:
    """Serbia, Bosnia, North Macedonia, Montenegro: a date with three digits of its year, mod 11."""
    rest = weighted(digits, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    sensible = digits[4] in "90" and dmy(digits[:4] + digits[5:7])
    return sensible and (0 if rest < 2 else 11 - rest) == int(digits[12])


def rodne_cislo(digits: str) -> bool:
    """Czechia and Slovakia: a date (month + 50 for women), modulus 11; a rest of 10 counts as 0."""
    month = int(digits[2:4]) % 50
    return is_date(2000, month - 20 if month > 20 else month, int(digits[4:6])) and (
        int(digits[:9]) % 11 % 10 == int(digits[9])
    )


def snils(digits: str) -> bool:
    """Russia: modulus 101."""
    return weighted(digits, range(9, 0, -1)) % 101 % 100 == int(digits[9:])


def svnr(digits: str) -> bool:
    """Austria: modulus 11, the fourth digit; a date behind it."""
    total = weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6))
    return digits[0] != "0" and total % 11 == int(digits[3]) and int(digits[6:8]) <= 13


def isikukood(digits: str) -> bool:
    """Estonia and Lithuania: sex and century, a date, modulus 11 in two rounds."""
    rest = weighted(digits, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighted(digits, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return digits[0] in "123456" and ymd(digits[1:7]) and rest == int(digits[10])


def my_number(digits: str) -> bool:
    """Japan: modulus 11."""
    rest = weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest < 2 else 11 - rest) == int(digits[11])


def emirates(digits: str) -> bool:
    """United Arab Emirates: 784, Luhn."""
    return digits.startswith("784") and luhn(digits)


def amka(digits: str) -> bool:
    """Greece: a date, Luhn."""
    return dmy(digits[:6]) and luhn(digits)


def egn(digits: str) -> bool:
    """Bulgaria: month + 20 or + 40 for the century, modulus 11."""
    born = digits[:2] + f"{int(digits[2:4]) % 20:02d}" + digits[4:6]
    return ymd(born) and weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(digits[9])
