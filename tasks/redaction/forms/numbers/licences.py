"""Detectors of driver licence numbers: digits and letters that a text calls a licence to drive.

Needs the standard library only. The forms of the states and countries differ so much (`D1234562`,
`A123-4567-8901`, `12ABC34567`, `B072RRE2I55`) that only the words before a number can tell; the
British number alone has a form of its own (DVLA, "INF1D": name, date of birth, initials, check).
"""

from __future__ import annotations

import re

from tasks.redaction.forms.numbers.behind_labels import TOLD
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_WORD = (
    r"(?:\bdriv(?:er['’]?s?['’]?|ing|e)[ _-]?(?:licen[cs]e|licen[cs]ing|permit)s?\b|\blicen[cs]e"
    r"[ _-]?(?:to drive|number|num\b|no\b|nr\b|id\b|#)|\b(?:my|his|her|your|their) licen[cs]e\b"
    r"|\blearner'?s? permit|\bd(?:river)?['’]?s? ?lic\b|\b(?:C?DLN?|DL)(?=[ ]?(?:#|no\b|num|nr\b"
    r"|is\b|:"
    r"|[A-Z]?\d{4}))|\bDVLA\b|f[üu]e?hrerschein(?:nummer)?|permis de conduire|(?:licencia"
    r"|carn[ée]t?"
    r"|permiso) de conduc(?:ir|ci[óo]n)|carteira de (?:motorista|habilita[çc][ãa]o)|\bCNH\b"
    r"|patente di guida|rijbewijs(?:nummer)?|k[øöo]rekort|k[öo]rkort|ajokortti|prawo jazdy)"
)
_TRIGGER = (
    r"(?:driv(?:er.{0,3}|ing|e)[ _-]?(?:licen[cs]|permit)|licen[cs]e[ _-]?(?:to drive|num|no\b"
    r"|nr\b|id\b"
    r"|#)|\b(?:my|his|her|your|their) licen[cs]e\b|\blearner'?s? permit|\bdriver.{0,3}lic\b"
    r"|\bd'?s? ?lic\b|\bc?dln?[ ]?(?:#|no\b|num|nr\b|is\b|:|[a-z]?[0-9]{4})|\bdvla\b|hrerschein"
    r"|permis de conduire|de conduc(?:ir|ci)|carteira de (?:motor|hab)|\bcnh\b|patente di guida"
    r"|rijbewijs|k.{1,2}rekort|k.{1,2}rkort|ajokortti|prawo jazdy)"
)
# Groups of capitals and digits: the first may be letters, each other one holds a digit.
_NUMBER = (
    r"(?<![\w$€£/.-])(?=(?:[A-Z*]{0,5}[ -]?\d){5})(?:[A-Z]{1,5}-|(?-i:[A-Z]{1,4})[ ])?"
    r"[A-Z]{0,5}\d[A-Z\d*]{0,17}(?:[ -](?=[A-Z]{0,3}\d)[A-Z\d]{2,12}){0,5}(?![\w/]|[.,]\d)"
)
_MIXED = r"(?<![\w$€£/.-])(?=[A-Z*]*\d)(?=\d*[A-Z])(?=[A-Z\d*]*\d[A-Z*]*\d)[A-Z\d*]{6,18}(?![\w/])"
# Words that put something else between the licence and the digits.
_OTHER = compiled(
    r"(?i)\b(?:call|phone|mobile|tel|fax|card|ssn|security|born|birth|dob|order|invoice|expir|issued"
    r"|valid|until|since|plate|software|product|zip|policy|account|passport|iban|address|lives?"
    r"|national|identity|id (?:card|number|no)|nric|tax|insurance|medicare|nhs|routing)"
)
_DATE = compiled(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}|(?:19|20)\d\d-(?:19|20)\d\d")
_NOT_DRIVING = compiled(
    r"(?i)(?:software|product|windows|business|medical|liquor|fishing|hunting|marriage|nursing|site"
    r"|user|server|plugin|pilot'?s?|building|contractor'?s?|real estate|broker'?s?) $"
)


def _to_drive(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 16) : match.start()]
    value = match["value"]
    return not (
        _OTHER.search(match["gap"])
        or _DATE.fullmatch(value)
        or _NOT_DRIVING.search(before)
        or sum(map(str.isalnum, value)) > 20
    )


LICENCES = (
    Detector(
        kind="LICENSE",
        name="driver-licence",
        trigger=_TRIGGER,
        pattern=compiled(rf"(?is){_WORD}(?P<gap>.{{0,70}}?)(?P<value>{_NUMBER}|{_MIXED})"),
        score=TOLD,
        before=40,
        after=140,
        check=_to_drive,
        needs_digit=True,
    ),
    Detector(
        kind="LICENSE",
        name="driver-licence-before",
        trigger=_TRIGGER,
        pattern=compiled(
            rf"(?i)(?P<value>{_NUMBER}|{_MIXED})(?P<gap>[ ](?:is|was)[ ][^\d\n.]{{0,24}}?){_WORD}"
        ),
        score=TOLD,
        before=100,
        after=24,
        check=_to_drive,
        needs_digit=True,
    ),
    Detector(
        kind="LICENSE",
        name="driver-licence-uk",
        trigger=r"\b[a-z9]{5}[0-9]{6}[a-z9]{2}[a-z0-9][a-z]{2}\b",
        pattern=compiled(
            r"(?<![\w-])[A-Z](?:[A-Z]{4}|[A-Z]{3}9|[A-Z]{2}99|[A-Z]999|9999)\d(?:[05][1-9]|[16][0-2])"
            r"(?:0[1-9]|[12]\d|3[01])\d(?:[A-Z]{2}|[A-Z]9|99)[A-Z\d][A-Z]{2}(?:[ ]?\d\d)?(?![\w-])",
            re.IGNORECASE,
        ),
        score=0.9,
        before=24,
        after=8,
        needs_digit=True,
    ),
)
