"""Detectors of numbers behind a word that says what they are: "my passport number is ...".

Lenient on purpose: a number with a slip of the finger in it, or of a country nobody listed, is
personal all the same once its owner has named it. The word is the trigger. One in ten or eleven
numbers has some country's check digit by chance, so a word that can mean one kind only (`_PLAIN`)
beats such a shape; "tax number" and "national number" do not, for many shapes are just that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tasks.redaction.findings import Finding
from tasks.redaction.forms.numbers.surroundings import said_to_be_other
from tasks.redaction.matching.first_letters import by_first_letter, where_words_start
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

# Up to six words may stand between the label and its number ("... of Anna Keller is"), but none
# that makes it another number or a date.
_OTHER = (
    r"order|invoice|tracking|ticket|version|balance|amount|expir\w*|valid|until|since|line|page|"
    r"step|error|port|renew\w*|phone|tel\w*|call|mobile|born|birth|dob|zip|postcode|street|row|"
    r"column|index|date|issued|year|years|field|fields|check|validat\w+|format|digit|digits|type|table|rows?|to|with(?=\W+[0-9])"
)
_GLUE = (
    rf"(?:[^\w\n]{{1,4}}(?!{by_first_letter(_OTHER)}\b|(?-i:[A-Z]{{1,3}}) [0-9])"
    r"[^\W\d_]{1,15}+(?:['’][a-z]{1,2})?(?!\w)){0,6}+"
    r"(?:[\s:;=#?!,.\"'’“”(\[*_`>~|-]|&nbsp;){0,8}"
)
TOLD, UNSURE = 0.96, 0.75  # above what a check digit proves; below what is sure
_PLAIN = frozenset({"PASSPORT", "HEALTH_ID", "ACCOUNT"})
# Another label between a label and the number: that one tells.
_NEARER = compiled(
    r"(?i)\b(?:national|identity|id (?:card|number|no)|nric|ssn|social security|tax(?:payer)?"
    r"|passport|licen[cs]e|nhs|medicare|routing|iban|card)\b"
)
_PART = r"[A-Z0-9]*[0-9][A-Z0-9]*+"
_CODE = rf"(?:[A-Z]{{1,6}}[ .-])?{_PART}(?:[ .\-/]{_PART}|-[A-Z]\b|(?-i: [A-Z]\b)){{0,6}}"
_DATE = compiled(r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}|(?:19|20)\d\d")


def _digits(least: int, most: int) -> Callable[[re.Match[str]], bool]:
    def check(match: re.Match[str]) -> bool:
        value, string = match["value"], match.string
        gap = match.groupdict().get("gap")
        if said_to_be_other(string, match.start()) or (gap and _NEARER.search(gap)):
            return False
        behind = string[match.end() : match.end() + 1]
        if _DATE.fullmatch(value) or behind in {"%", "@"} or behind == "€":
            return False
        count = sum(map(str.isdigit, value))
        code = value.isalnum() and value.isupper() and len(value) >= 6  # USJ0PZE has one digit
        return (least <= count or code) and count <= most and len(set(value) - set(" .-/")) > 1

    return check


def _told(kind: str, name: str) -> Callable[[re.Match[str]], list[Finding]]:
    """Return what makes a finding that beats a shape, where its digits are surely one number."""

    def read(match: re.Match[str]) -> list[Finding]:
        whole = not any(map(str.isspace, match["value"]))
        return [Finding(kind, *match.span("value"), TOLD if whole else UNSURE, name)]

    return read


def _behind(kind: str, name: str, label: str, value: str, digits: tuple[int, int]) -> Detector:
    """Return a detector of a value behind a label; the label in ASCII is the trigger too."""
    plain = kind in _PLAIN
    return Detector(
        kind=kind,
        name=name,
        trigger=rf"(?:^|[^a-z0-9])(?:{label})(?:[^a-z0-9][^0-9]{{0,89}})?[0-9]",
        pattern=compiled(
            rf"(?i){where_words_start(label, not_behind='[a-z0-9]')}(?P<gap>{_GLUE})(?<![A-Z0-9])"
            rf"(?P<value>{value})(?!\w)"
        ),
        score=TOLD if plain else UNSURE,
        before=140,
        after=50,
        check=_digits(*digits),
        read=_told(kind, name) if plain else None,
        needs_digit=True,
        once=0,
    )


_NATIONAL = (
    r"(?:national|citizen|resident|personal|civil)[ _-](?:id\w*|insurance|identity|identification)"
    r"(?: card| document)?(?: number| no\.?| code)?|id(?:entity)?[ -](?:card|document)(?: number)?|"
    r"id numbers?|nino|ni number|national insurance|personnummer|person number|pesel|dni|nie|curp|"
    r"bsn|burgerservicenummer|aadhaar|aadhar|nric|cpr|hetu|ahv|insz|niss|cnic|nir|sin|"
    r"social insurance(?: number)?|rut|cedula|c\wdula|egn|jmbg|oib|emirates id|rrn|"
    r"social security|social_security\w*|resident registration(?: number)?|voter id|"
    r"citizenship number|jumin\w*"
)
_TAX = (
    r"tax(?:payer)?[ _-]?(?:id\w*|number|no|file number|reference|code)(?: number)?|tin|itin|f?ein|"
    r"employer identification(?: number)?|steuer-?id\w*|steuernummer|codice fiscale|nif|cpf|cnpj|"
    r"tfn|taxfilenumber|tax_file_number|abn|utr|vat(?: id| number| no)|partita iva|siren|siret|"
    r"pan(?: card| number)|nipc|cuit|cuil"
)
_HEALTH = (
    r"nhs|medicare|medicaid|mrn|medical record|health (?:insurance|card|id|plan)|"
    r"(?:patient|member|beneficiary|subscriber|insurance|policy ?holder)[ _](?:id|number|no)|"
    r"insurance policy(?: number)?|policy number|hicn|mbi|npi|dea number|ohip|"
    r"krankenversicherten\w*"
)
_ACCOUNT = (
    r"(?:bank|checking|savings?|current|deposit|giro)[ -](?:account|acct|a/c)|"
    r"(?:account|acct|a/c)(?:[ .]{0,2}(?:number|no|num|nr)\b|[ .]?#)|kontonummer|"
    r"account_?(?:number|no)|acct_?(?:num|no)|acc(?:ount)?[ .]{1,2}no|rekeningnummer|"
    r"num\wro de compte"
)
_ROUTING = (
    r"routing(?: transit)?(?: number| no)?|aba(?: number)?|rtn|sort[ _-]?code|bsb|"
    r"transit(?: number| no)?"
)
_CARD = (
    r"(?:credit|debit|bank|payment|visa|prepaid)[ -]?card|card(?: number| no\b| num\b|[ .]?#)|"
    r"visa|master ?card|amex|american express|maestro|unionpay|discover|diners|jcb|rupay|"
    r"cc(?: number|[ .]?#| no)|credit_?card\w*|card_?number|pan number"
)
_PASSPORT = (
    r"passports?|passport_?(?:number|no)|reisepass\w*|passeport|paspoort\w*|pasaporte|passaporte"
    r"|passaporto|pas nummer|paszport\w*|passnummer"
)
_CARD_VALUE = r"[0-9]{3,6}(?:[ .-]{0,3}[0-9]{2,6}){1,5}|[0-9]{12,19}"
_NINE = r"[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4}|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{3}"

# The word alone says it of the digits next to it only: "account 71408832".
_NEXT_TO_ACCOUNT = Detector(
    kind="ACCOUNT",
    name="account next to its word",
    trigger=r"(?:account|acct|konto|cuenta|compte|conto|rekening)[ :#=]{1,3}(?:is )?[0-9]",
    pattern=compiled(
        r"(?i)(?<![a-z0-9_-])(?:account|acct|konto|cuenta|compte|conto|rekening)[ :#=]{1,3}(?:is )?"
        r"(?P<value>[0-9]{7,17}|[0-9]{2,6}(?:[ -][0-9]{1,6}){1,3})(?![\w-])(?![.,][0-9])"
    ),
    score=UNSURE,
    before=16,
    after=40,
    check=_digits(7, 17),
    needs_digit=True,
    once=0,
)
BEHIND_LABELS = (
    _behind("SSN", "SSN by its word",
            r"ssn|ss#|social[ -]security|soc(?:ial)? sec|social_security\w*|social(?: number|:)",
            _NINE, (9, 9)),
    _behind("CARD", "card by its word", _CARD, _CARD_VALUE, (12, 19)),
    _behind("PASSPORT", "passport by its word", _PASSPORT,
            r"[A-Z]{0,3}[ -]?[0-9]{2,3}[ -][0-9]{3}[ -]?[0-9]{2,4}|[A-Z]{1,3}[ -][0-9]{6,8}|"
            r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{6,12}", (4, 10)),
    _behind("NATIONAL_ID", "national number by its word", _NATIONAL, _CODE, (6, 18)),
    _behind("TAX_ID", "tax number by its word", _TAX, _CODE, (6, 16)),
    _behind("HEALTH_ID", "health number by its word", _HEALTH, _CODE, (5, 16)),
    _behind("ACCOUNT", "account by its word", _ACCOUNT, r"[0-9](?:[ -]?[0-9]){4,17}", (5, 18)),
    _behind("ACCOUNT", "account by its short word", "a/c", r"[0-9]{8,12}", (8, 12)),
    _NEXT_TO_ACCOUNT,
    _behind("ACCOUNT", "bank by its word", _ROUTING,
            r"[0-9]{9}|[0-9]{5}-[0-9]{3}|[0-9]{2}[- ][0-9]{2}[- ][0-9]{2}|[0-9]{3}[- ][0-9]{3}|"
            r"[0-9]{6}", (6, 9)),
)  # fmt: skip
# "912345678 is my passport number": told after the number.
_TOLD = (
    ("SSN", r"ssn|social"),
    ("PASSPORT", r"passport"),
    ("CARD", r"(?:\w+ )?card"),
    ("ACCOUNT", r"(?:bank|checking|savings)? ?(?:account|routing)"),
    ("TAX_ID", r"tax|itin|ein|nif|cpf"),
    ("HEALTH_ID", r"nhs|medicare|(?:health|medical) "),
    ("NATIONAL_ID", r"national|identity|id (?:number|card)|pesel|bsn|dni|nino|aadhaar"),
)
_IS = r"[ \"',)-]{1,3}(?:is|was|'s|=|as) (?:my|his|her|their|your|our|the)"
TOLD_AFTER = tuple(
    Detector(
        kind=kind,
        name="number told before its word",
        trigger=r"[0-9][a-z]?[ \"',)-]{1,3}(?:is|was|=|as) (?:my|his|her|their|your|our|the) ",
        pattern=compiled(
            rf"(?i)(?<![\w.+-])(?P<value>[A-Z]{{0,3}}[0-9][A-Z0-9]*+(?:[ .-]{_PART}){{0,5}}){_IS} "
            rf"(?:{label})"
        ),
        score=TOLD if kind in _PLAIN else UNSURE,
        before=64,
        after=30,
        check=_digits(6, 19),
        read=_told(kind, "number told before its word") if kind in _PLAIN else None,
        needs_digit=True,
    )
    for kind, label in _TOLD
)
