"""What stands around a number: words that name it, or that say it is another; more of a code.

Needs the standard library only.
"""

from __future__ import annotations

import re

from tasks.redaction.matching.first_letters import where_words_start
from tasks.redaction.patterns import compiled

_SIGN_OF_WORD = r"[^\W_]"
# "part number 123-45-6789": said to be something else.
_OTHER_WORDS = (
    "orders?|invoices?|tracking|track|serial|parts?|models?|sku|isbn|issn|ean|upc|gtin|doi|oclc"
    "|asin|tickets?|build|version|commit|batch|lot|ref|reference|case|bug|issue|timestamp|epoch"
    "|article|item|product|catalog|shipment|parcel|package|job|transaction|confirmation|booking"
    "|request|session|trace|span|error|patent|port|pid|hash|revision"
    "|rev|release|firmware|s/n|p/n|seq|sequence|test|sample|specimen|barcode|time|ts"
    "|at|nonce|checksum"
)
# What these count is written without signs between digits: "row 123-45-6789" is a row of a table.
_COUNTED_WORDS = "row|record|line|event|entry|offset|total|sum|seed|size|bytes|count"
_BEHIND_WORD = (
    r"\b(?:[\s_-]*(?:number|numbers|no|num|nr|id|code|key))?[^\w;|]{0,3}(?:(?:is|was)\s+)?[\"'#(]?$"
)


def _said_before(*alternatives: str) -> re.Pattern[str]:
    start = where_words_start(*alternatives, not_behind=_SIGN_OF_WORD)
    return compiled(rf"(?i){start}{_BEHIND_WORD}")


_OTHER = _said_before(_OTHER_WORDS)
_OTHER_OR_COUNTED = _said_before(_OTHER_WORDS, _COUNTED_WORDS)
# A form without a check digit does not count in the same breath as these.
OTHER_NUMBER = compiled(
    "(?i)"
    + where_words_start(
        "order|invoice|tracking|serial|part|model|sku|isbn|ticket|article|item|product|batch"
        "|catalog|reference|version"
    )
    + r"[\s_-]*(?:numbers?|nos?\b|nums?\b|ids?\b|codes?|#)"
)
# The rest of 17,227,483.50; "17,227 483 735" is a column and a number.
_THOUSANDS = compiled(r"[0-9]{3}(?:,[0-9]{3})*(?:\.[0-9]+)?(?![0-9]|[ .,/-][0-9])")
_DIALLED = compiled(r"(?<![A-Za-z0-9])\+[0-9]{1,3}[ .-]$")  # +1 415 555 2671: a phone
_LONGER_THAN_DIALLED = 15  # characters, without the country: a card behind "+4" is one
_CENTS = compiled(r",[0-9]{1,2}(?![0-9])")


def words(*alternatives: str) -> re.Pattern[str]:
    """Return a pattern that finds one of these words (expressions), whatever their case."""
    return compiled(
        rf"(?i){where_words_start(*alternatives, not_behind=_SIGN_OF_WORD)}(?!{_SIGN_OF_WORD})"
    )


def said_to_be_other(text: str, start: int, *, bare: bool = True) -> bool:
    """Tell whether the words right before a value say that it is an order number or the like.

    `bare` says that no sign stands between its digits.
    """
    wanted = _OTHER_OR_COUNTED if bare else _OTHER
    return wanted.search(text, max(0, start - 40), start) is not None


def glued(text: str, start: int, end: int) -> bool:
    """Tell whether a value is part of a longer code, number, name or address.

    A comma parts columns as often as digits: it glues thousands and cents only.
    """
    before, behind = text[max(0, start - 2) : start], text[end : end + 2]
    if before and (before[-1].isalnum() or before[-1] in "_@$€£¥+%"):
        return True
    if len(before) == 2:
        if before[1] in "-./\\" and (before[0].isalnum() or before[0] in "_./"):
            return True
        if before[1] == "," and before[0].isdigit() and _THOUSANDS.match(text, start):
            return True
        if (
            before[1] == " "
            and before[0].isdigit()
            and end - start < _LONGER_THAN_DIALLED
            and _DIALLED.search(text, max(0, start - 6), start)
        ):
            return True
    if behind and (behind[0].isalnum() or behind[0] in "_@%$€£"):
        return True
    if len(behind) < 2:
        return False
    if behind[0] == ",":
        return text[start:end].isdigit() and _CENTS.match(text, end) is not None
    return behind[0] in "-./+\\" and (behind[1].isalnum() or behind[1] == "_")
