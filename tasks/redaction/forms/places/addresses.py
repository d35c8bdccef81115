"""Detectors of postal addresses, from a street with a number to the country behind it.

Needs the standard library only. A street is known by its words (`streets`), by what follows it (a
flat, a postcode) or by what is said before it ("lives at"). What follows belongs to it: one address
is one finding.
"""

from __future__ import annotations

import re

from tasks.redaction.forms.places import street_words as words
from tasks.redaction.forms.places.streets import STREETS, address, is_street, seen
from tasks.redaction.matching.first_letters import where_words_start
from tasks.redaction.patterns import compiled

_AFTER_UNIT = rf"(?:[ ]{words.PLACE}|{words.LINES})?"
_ROOM = "apt|apartment|appt|suite|ste|flat"
# A flat may be of music and a suite of tests: with nothing before it, it has a capital.
_ROOM_ALONE = (
    r"apt|apartment|appt|(?<!Test[ ])(?<!Office[ ])(?:(?-i:Suite|SUITE|Ste|STE|Flat"
    r"|FLAT)|suite(?=[ ]\d{3})|studio"
    r"(?=[ ]\d{1,3}[a-z]?,[ ]\d{1,5}[a-z]?[ ](?-i:[A-Z])\w+[ ](?-i:[A-Z])))"
)
_ROOM_NUMBER = r"\b\.?[ ]?#?\d{1,5}[a-z]?(?![\w*/=+%]|[.,:]\d)"
_BOX = (
    r"p\.?[ ]?o\.?[ ]?box|post(?:al)?(?:[ ]office)?[ ]box|postfach|postbus|bo..?e postale|apartado"
    r"(?: de correos| postal)?|casilla(?: de correo)?|caixa postal|postboks|casella postale"
)
# What is said before somebody's address; behind the second kind other things are numbered too.
_HOME = (
    where_words_start(
        r"address(?:es)?\b(?:[ ](?:\w+[ ]){0,5}?(?:is|are|to|at|:)|[^\n:.?!]{0,40}?(?:[ ]is|:)|,)"
        r"|liv(?:es?|ed|ing)[ ](?:at|on)|resid\w+[ ](?:at|on)"
        r"|(?:letter|package|parcel|mail|card)[ ](?:\w+[ ]){0,2}?arriv\w+[ ]at"
    )
    + r"[ \t]{0,8}\n?[ \t]{0,8}"
)
_PLACE = (
    where_words_start(
        r"(?:liv(?:es?|ed|ing)|resid\w+)[ ]in|(?:sen[dt]|ship(?:ped)?|deliver(?:ed)?"
        r"|mail(?:ed)?|post(?:ed)?|mov(?:ed|ing)|reloca\w+|return(?:ed)?"
        r"|forward(?:ed)?)[ ](?:\w+[ ]){0,4}?to|arriv\w+[ ]at|located[ ](?:at|on)"
        r"|(?:office|house|home|place|shop|store|apartment|flat)s?[ ](?:is|are)?[ ]?at"
        r"|(?:stay(?:s|ing)?|meet|visit|pick)[ ](?:\w+[ ]){0,3}?at|i'm at|come to"
    )
    + r"[ \t]{0,8}\n?[ \t]{0,8}"
)
_NO_COUNT = (
    r"(?![ ](?:years?|months?|weeks?|days?|hours?|minutes?|times?|people|percent|of|or|more)\b)"
)
_BOOK = compiled(r"[1-3] |\d{5}")  # 1 Samuel 16, David
_STATE_WORD = "(?:in|or|me|hi|ok|oh|as|id|la|de|al|ma|pa|co|mo)\\b"
_NO_MONTH = r"(?!(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\.?[ ])"
_HOME_TRIGGER = (
    r"(?:\baddress|\b(?:liv(?:es?|ed|ing)|resid[a-z]{1,4}) (?:at|on)|\b(?:letter|package|parcel"
    r"|mail|card) [^\n]{0,30}arriv[a-z]{1,4} at)[^0-9]{1,60}[0-9]"
)
_PLACE_TRIGGER = (  # and no "to" or "at" behind the verbs: that gap makes Hyperscan slower
    r"(?:\b(?:sen[dt]|ship|shipped|deliver|delivered|mail|mailed|post|posted|moved|moving"
    r"|relocat[a-z]{1,4}|return|returned|forward|forwarded|stay|stays|staying|meet|visit|pick)\b"
    r"|\barriv[a-z]{1,4} at\b|\blocated (?:at|on)\b|\b(?:liv(?:es?|ed|ing)|resid[a-z]{1,4}) in\b"
    r"|\b(?:office|house|home|place|shop|store|apartment|flat)s? (?:is |are )?at\b"
    r"|\bi'm at|\bcome to)[^0-9]{1,100}[0-9]"
)


def _has_digit(match: re.Match[str]) -> bool:
    return any(map(str.isdigit, match[0]))


def _is_numbered(match: re.Match[str]) -> bool:
    return is_street(match) and not _BOOK.match(match["head"])


ADDRESSES = (
    *STREETS,
    address(
        "unit",
        rf"\b(?:{_ROOM}|studio)\.? ?#?[0-9]",
        rf"(?:{words.FIRST_LINE}{words.SEP}(?<=[\s,>])(?:{_ROOM})|(?<![\w-])(?:{_ROOM_ALONE}))"
        rf"{_ROOM_NUMBER}",
        0.7,
        before=120,
        after=24,
        tail=rf"(?:{words.SEP}(?<=[\s,>]){words.LINE})?{_AFTER_UNIT}{words.TAIL}",
    ),
    address(
        "block",
        r"\n(?:[^\n]{0,50}[ >,])?(?:[0-9]{4,6}|[a-z]{1,2}[0-9][a-z0-9]? [0-9][a-z]{2})"
        r"(?:[\s.,;:?!<)]|$)",
        rf"{words.FIRST_OF_BLOCK}[ \t]{{0,3}}{words.BLOCK_END}",
        0.65,
        before=200,
        after=60,
        tail="",
        once=-1,  # its trigger takes in the sign behind the postcode
    ),
    address(
        "said",
        _HOME_TRIGGER,
        rf"{_HOME}(?P<value>(?:{words.CAPITAL_LINE}|(?:{words.STREET}[ ](?:and"
        rf"|&)[ ])?{words.STREET},?[ ]"
        rf"{words.NUMBER}{_NO_COUNT}|{words.NUMBERS}(?:[ ]{words.WORD}){{1,6}}"
        rf"(?:,?[ ]{words.NUMBER}|(?=,)))"
        ")",
        0.7,
        before=160,
        tail=_AFTER_UNIT + words.TAIL,
        after=100,
    ),
    address(
        "destination",
        _PLACE_TRIGGER,
        rf"{_PLACE}(?P<value>(?:{words.CAPITAL_LINE}|(?={words.UPPER}\w+[ ]\w+"
        rf"[ ]){words.STREET},?[ ]{words.NUMBER}"
        rf"{_NO_COUNT}))",
        0.65,
        before=160,
        tail=_AFTER_UNIT + words.TAIL,
        after=100,
    ),
    address(
        "numbered",
        r"[0-9]{1,5}[a-z]? [a-z?\x80-\xff][^\n0-9,:;]{2,50} [0-9]{1,5}[a-z]?[ .]?(?:,|\r?\n)",
        rf"(?P<head>{words.FIRST_NUMBERS}[ ]{_NO_MONTH}{words.STREET}[ ]"
        rf"{words.NUMBER}\.?)(?:,[ ]{words.PLACE}(?=[ \t]*(?:[,.\n)]|$))|{words.LINES})",
        0.6,
        before=96,
        tail=_AFTER_UNIT + words.TAIL,
        after=100,
        check=_is_numbered,
    ),
    address(
        "european",
        r"[0-9][a-z]?[ .]?(?:,|, ?\r?\n|\r?\n)[ >\t]{0,8}(?:[a-z]{1,2}-)?[0-9]{2,3}[ -]?"
        r"[0-9]{2,4} [^0-9 ]",
        rf"(?<![\w.])(?:{words.NUMBERS}[ ])?{_NO_MONTH}{words.STREET},?[ ]{words.NUMBER}\.?[ ]?"
        rf"(?:,|,?[ ]?\r?\n)[ >\t]{{0,8}}{words.POSTCODE}[ ]{words.PLACE}",
        0.65,
        before=110,
        after=90,
    ),
    address(
        "military",
        r"\b[adf]po,? a[ape],? [0-9]{5}|\b(?:unit|psc) [0-9]{1,6},? box [0-9]",
        rf"(?<!\w)(?:(?:(?:USS|USNS|USCGC|USAV|HMS)[ ]{words.WORD}(?:[ ]{words.WORD}){{0,3}}"
        rf"|(?:PSC|unit|cmr)[ ]\d{{1,6}},?[ ]box[ ]\d{{1,6}})"
        rf"(?:{words.SEP}[AFD]PO,?[ ]A[EPA],?[ ]\d{{5}}(?:-\d{{4}})?)?"
        r"|[AFD]PO,?[ ]A[EPA],?[ ]\d{5}(?:-\d{4})?)(?!\w)",
        0.85,
        tail="",
        after=64,
        check=_has_digit,
    ),
    address(
        "box",
        rf"(?:{seen(_BOX)})[^a-z0-9]{{0,4}}[0-9]",
        rf"(?<!\w)(?:{words.NUMBERS}[ ])?(?:{_BOX})[ ]?(?:n[º°o.][ ]?"
        rf"|#)?\d{{1,7}}(?:[ ]\d\d(?!\w)){{0,2}}(?!\w)",
        0.8,
        before=40,
    ),
    address(
        "town",
        rf"\b(?:{words.STATES}),?[ \n]{{1,2}}[0-9]{{5}}",
        rf"(?<!\w)(?:{words.CAPITAL_LINE},?[ ])?(?:{words.PLACE},?[ \n](?-i:{words.STATES})|"
        rf"[^\W\d_]{{4,24}},[ ](?!{_STATE_WORD})(?:{words.STATES})),?[ ]{{1,2}}\d{{5}}(?:-\d{{4}})?"
        r"(?![\w]|[.,]\d)",
        0.7,
        before=120,
        after=12,
        tail=words.TAIL,
    ),
    address(
        "region",
        r"[0-9] [^\n]{4,60} [a-z]{2,3} [0-9]{5}\b",
        rf"{words.FIRST_CAPITAL_LINE},?[ ]{words.PLACE}[ ](?-i:[A-Z]{{2,3}})[ ]\d{{5}}"
        rf"(?!\w|[.,]\d)",
        0.65,
        before=120,
        after=8,
        tail="",
    ),
    address(
        "postcode",
        r"\b(?:zip|post ?code|postal|code postal|c.digo postal|postnummer|postleitzahl|plz|cep)\b",
        r"(?:\b(?:zip|postal)(?:[ -]?code)?\b|\bpost[ ]?code\b|code postal|c[óo]digo postal"
        r"|postnummer"
        rf"|postleitzahl|\bplz\b|\bcep\b)[^\d\n.;#]{{0,24}}?\s?(?<![\w$€£])(?P<value>{words.POSTCODE})",
        0.75,
        before=24,
        after=60,
        tail="",
    ),
    address(
        "postcode-letters",
        r"\b[a-z]{1,2}[0-9][a-z0-9]? [0-9][a-z]{2}\b|\b[a-z][0-9][a-z][ ]?[0-9][a-z][0-9]\b",
        rf"(?<![\w-])(?:{words.UK_POSTCODE}|(?-i:[ABCEGHJ-NPRSTVXY]\d[A-CEGHJ-NPR-TV-Z][ ]"
        r"\d[A-CEGHJ-NPR-TV-Z]\d)(?!\w))",
        0.6,
        before=12,
        after=4,
        tail="",
    ),
)
