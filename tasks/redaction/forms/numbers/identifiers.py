"""Detectors of the numbers that states, banks and coins know people by.

Needs nothing but tables: payment cards, IBANs, social security and other national numbers,
passports, bank accounts and wallets, each in a module of its own.
"""

from __future__ import annotations

from tasks.redaction.forms.numbers.behind_labels import BEHIND_LABELS, TOLD_AFTER
from tasks.redaction.forms.numbers.checksums import luhn, weighted
from tasks.redaction.forms.numbers.digit_runs import NumberRule, digit_detector, fours, uniform
from tasks.redaction.forms.numbers.iban import IBAN
from tasks.redaction.forms.numbers.local_labels import LOCAL_LABELS
from tasks.redaction.forms.numbers.local_numbers import LOCAL_NUMBERS
from tasks.redaction.forms.numbers.national_codes import NATIONAL_CODES, PASSPORT_LINES
from tasks.redaction.forms.numbers.national_numbers import NATIONAL_NUMBERS
from tasks.redaction.forms.numbers.surroundings import words
from tasks.redaction.forms.secrets.wallets import WALLETS
from tasks.redaction.patterns import compiled

# First digits and lengths by issuer: ISO/IEC 7812 numbers as the schemes publish them.
_ISSUERS = compiled(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|(?:30[0-5]\d|3095|36\d\d|3[89]\d\d)\d{10,15}"  # Diners Club
    r"|(?:2131|1800)\d{11}|35\d{14,17}"  # JCB
    r"|62\d{14,17}|81\d{14}"  # UnionPay
    r"|220[0-4]\d{12,15}"  # Mir
    r"|(?:50|5[6-8]|6\d)\d{10,17}|0604\d{8,15}"  # Maestro and its kin
    r"|(?:60|65|81|82|508)\d{13,14}|9792\d{12}|1\d{14}"  # RuPay, Troy, UATP
)
_CARD_FORMS = (
    *(fours(total) for total in range(13, 20)),
    "4?6?5", "4?6?4", "4?4?5", "4?3?3?3", "4?4?4?7", "8-8", "4?12", "5?5?5", "6?6?4", "6?10",
    "4?5?6",
)  # fmt: skip
_CARD_WORDS = words(
    r"(?:credit|debit|bank|payment|prepaid)[ -]?cards?", r"cards?", "visa", r"master ?card", "amex",
    r"american express", "maestro", "discover", "diners", "jcb", "unionpay", "mir", "rupay", "cc",
    r"cvv", r"cvc", r"charge[ds]?", r"pay", r"paid", r"payment",
)  # fmt: skip


def _issued(digits: str) -> bool:
    return _ISSUERS.fullmatch(digits) is not None and luhn(digits)


def _surely_issued(digits: str) -> bool:
    """Refuse what is more often a time stamp, a barcode or a counter than a card."""
    often_else = digits[0] == "1" and not digits.startswith("1800")
    return len(digits) >= 13 and not often_else and len(set(digits)) > 1 and _issued(digits)


def _is_ssn(digits: str) -> bool:
    """SSA, POMS RM 10201.035: no area 000, 666 or 900 on, no group 00, no serial 0000."""
    area = int(digits[:3])
    return 0 < area < 900 and area != 666 and digits[3:5] != "00" and digits[5:] != "0000"


def _is_itin(digits: str) -> bool:
    """IRS Pub. 1915: 9, and 50 to 65, 70 to 88, 90 to 92 or 94 to 99 in the middle."""
    group = int(digits[3:5])
    known = 50 <= group <= 65 or (70 <= group <= 99 and group not in {89, 93})
    return digits[0] == "9" and known


def _is_routing(digits: str) -> bool:
    """American Bankers Association: weights 3 7 1, modulus 10."""
    return weighted(digits, (3, 7, 1) * 3) % 10 == 0


_SSN_WORDS = words(
    r"ssn", r"ss#", r"social[ -]security", r"soc(?:ial)? sec", r"social is", r"my social"
)
_TOLD_WORDS = words(
    r"numbers?", "no", "id", "is", "was", "it['’]?s", "social", "security", "gave", "my"
)
RULES = (
    NumberRule("CARD", "card", _CARD_FORMS, _surely_issued, score=0.98),
    NumberRule("CARD", "card", (*_CARD_FORMS, *uniform(12), "4?4?4"), _issued, _CARD_WORDS, 0.95),
    NumberRule("CARD", "card of 12 digits", uniform(12), _issued, score=0.7),  # Maestro
    NumberRule("SSN", "SSN", ("9", "3?3?3", "3?2?4"), None, _SSN_WORDS, 0.95),
    NumberRule("SSN", "SSN", ("3-2-4", "3.2.4"), _is_ssn, score=0.85),
    NumberRule("SSN", "SSN", ("3 2 4",), _is_ssn, _TOLD_WORDS, score=0.8),  # or "Suite 680 36 4022"
    NumberRule("TAX_ID", "ITIN", ("3~2~4",), _is_itin, score=0.85),
    NumberRule("TAX_ID", "ITIN", ("9",), _is_itin, words("itin", r"tax(?:payer)?\s+id\w*")),
    NumberRule("TAX_ID", "EIN", ("2-7", "9"), None,
               words("f?ein", r"employer\s+id\w*", r"tax\s+id\w*")),
    NumberRule("ACCOUNT", "routing number", ("9", "4-4-1"), _is_routing,
               words("routing", "aba", "rtn", "transit", "wire", "ach"), 0.9),
    *NATIONAL_NUMBERS,
    *LOCAL_NUMBERS,
)  # fmt: skip
IDENTIFIERS = (
    digit_detector(RULES),
    IBAN,
    *NATIONAL_CODES,
    *PASSPORT_LINES,
    *BEHIND_LABELS,
    *LOCAL_LABELS,
    *TOLD_AFTER,
    *WALLETS,
)
