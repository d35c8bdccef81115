"""What is said around digits: that they are a phone number, or that they are something else.

Needs the standard library only.
"""

from __future__ import annotations

import re

from tasks.redaction.matching.first_letters import where_words_start
from tasks.redaction.patterns import compiled

_STRONG = (
    r"telephones?\b|phones?\b|tele?\b|t[ée]l[ée]fon|telef|mobiles?\b|m[óo]vil|cell(?:phone|ular|ulare)?\b"
    r"|celular|fax|whats?app|wa\.me|call(?:s|ed|ing)?\b|dial\b|diall?ed"
    r"|ring (?:me|us|him|her|them)\b|reach(?:ed|able)? (?:me|us|him|her|them|at|on|out|by)\b"
    r"|contact(?:ed)?\b|text (?:me|us|him|her|them)\b|text(?:ed)?:? (?:on |at )?$|sms\b|hotline"
    r"|landline|(?:home|work|direct|office) line\b|handy(?:nummer| ?:| ist)|mein handy|rufnummer"
    r"|mon portable|portable ?:|gsm\b"
    r"|voice ?mail|pager|home number|work number"
    r"|(?:my|his|her|our|their) number (?:is|was)\b|help ?line|puhelin|kontakt|komórk"
    r"|numm?[eé]ro de t"
)
_WEAK = (
    r"(?:my|his|her|our|your|their|new|whose|this) (?:\w+ )?(?:number|no|digits)\b|"
    r"mon num[ée]ro\b|mi n[úu]mero\b|meine nummer\b|number (?:is|was|to (?:call|reach))\b|number:"
)
# What the digits are when one of these is the last word said before them.
_OTHER = (
    "order|invoice|ticket|case|ref(?:erence)?|isbn|issn|doi|part|serial|version|build|commit|card"
    "|visa|mastercard|account|acct|iban|routing|swift|bic|ssn|social security|tax|vat|passport"
    "|licen[cs]e|tracking|parcel|shipment|sku|model|id|pin|code|zip|postcode|policy|claim|patent"
    "|member(?:ship)?|customer|student|employee|transaction|batch|lot|population|total|sum|price"
    "|cost|amount|salary|revenue|port|pages?|row|line|error|bytes|checksum|hash|seed|timestamp"
    "|epoch|date|born|birth|dob|since|between|years?|insurance|medicare|nhs|issue|bug|release|apt"
    "|apartment|suite|flat|unit|box|process|pid|offset|index|item|returns?|returned"
)
CONTEXT = compiled(where_words_start(_STRONG), re.IGNORECASE)
HINT = compiled(where_words_start(_STRONG, _WEAK), re.IGNORECASE)
_REFUSED = compiled(rf"{where_words_start(_OTHER)}\b", re.IGNORECASE)
_COLUMN = compiled(r"[;|\t]|[\"'], ?[\"']")  # a word beyond says nothing of the number
_BEHIND = compiled(
    r"[ \t]{0,2}[-–—(,]?[ ]?(?:\((?:h|m|o|w|f|c|p)\)|(?:office|fax|mobile|cell|home|work|tel|phone"
    r"|landline|direct|switchboard|whatsapp|day|evening|night|is (?:my|the|her|his|our) (?:\w+ )?"
    r"(?:number|phone|mobile|cell)|to (?:reach|call|contact))\b)",
    re.IGNORECASE,
)
_UNIT = compiled(
    r"[ ]?(?:[kmg]?(?:hz|w|wh|b|g|m)|[kmgt]i?b|mm|cm|km|kg|mg|ms|ns|px|dpi|rpm|mph|ppm|usd|eur|gbp"
    r"|dollars?|euros?|pounds?|people|users?|times|items?|rows?|tokens?|steps?|bytes|bits|miles"
    r"|meters|metres|years|days|hours|minutes|seconds|percent|million|billion|degrees)\b",
    re.IGNORECASE,
)


def said(match: re.Match[str], wanted: re.Pattern[str]) -> bool:
    """Tell whether a word for phones is the last thing said of the number, or stands behind it."""
    text, start, end = match.string, match.start(), match.end()
    before = text[max(0, start - 60) : start]
    last = max((word.end() for word in wanted.finditer(before)), default=-1)
    if last >= 0 and not _REFUSED.search(before, last):
        return bool(CONTEXT.search(before)) or not _REFUSED.search(before)
    return _BEHIND.match(text, end, end + 40) is not None


def free(match: re.Match[str]) -> bool:
    """Tell whether nothing just before or behind says that the number is something else."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    if is_measured(match):
        return False
    refused = _REFUSED.search(before)
    if refused and not _COLUMN.search(before, refused.end()):
        return bool(CONTEXT.search(before))
    return True


def is_measured(match: re.Match[str]) -> bool:
    """Tell whether a unit follows the number: 100 000 km."""
    return _UNIT.match(match.string, match.end()) is not None
