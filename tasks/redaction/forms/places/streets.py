"""Detectors of streets with a number, known by their words in some twenty languages.

Needs the standard library only. What follows a street (a flat, a town, a postcode) belongs to it:
one address is one finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tasks.redaction.findings import Finding
from tasks.redaction.forms.places import street_words as words
from tasks.redaction.matching.first_letters import by_first_letter, where_words_start
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

# "in 1929 Wall Street fell": a year. "Figure 2 Data Point", "Section 3 Critical Path": a heading.
_NO_ADDRESS = compiled(
    r"(?i)(?:figure|fig\.?|section|chapter|table|step|part|volume|vol\.?|page|version|item|question"
    r"|rule|season|episode|act|scene|lesson|exercise|problem|grade|commit|issue|bug|ticket|build"
    r"|pr|patch|option) $"
)
_YEAR_WORD = compiled(r"(?i)(?:in|since|the|of|during|by|until|from|for|after|before|,) $")
_YEAR = compiled(r"(?:1[6-9]|20)\d\d,? ")
_NO_STREET = compiled(
    "(?i)"
    + where_words_start(
        "google|usb|hard|flash|test|disk|ssd|tape|one|critical|data|starting|end|floating|decimal"
        "|access|entry|focal|boiling|melting|percentage|file|search|for|while|web|page|list|table"
        "|market|training|fun|dry|for|infinite"
    )
    + " (?:drive|path|point|loop|park|view|place|run|pass|row|track|square)$"
)


def is_street(match: re.Match[str]) -> bool:
    """Refuse years, headings, and drives, points and rows of another kind."""
    before = match.string[max(0, match.start() - 12) : match.start()]
    if _NO_ADDRESS.search(before) or _NO_STREET.search(match["head"][-24:]):
        return False
    return not (_YEAR.match(match["head"]) and _YEAR_WORD.search(before))


def address(
    name: str,
    trigger: str,
    pattern: str,
    score: float,
    *,
    tail: str = words.TAIL,
    before: int = 96,
    after: int = 32,
    check: Callable[[re.Match[str]], bool] | None = None,
    needs_digit: bool = True,
    once: int = 5,
) -> Detector:
    """Return a detector of addresses; `Detector` says what the arguments mean.

    `tail` is read behind each match, however long: so the search itself needs few characters.
    """
    shape, label = compiled(pattern, re.IGNORECASE), f"address-{name}"
    value, follows = shape.groupindex.get("value", 0), compiled(tail, re.IGNORECASE).match

    def read(match: re.Match[str]) -> tuple[Finding]:
        end = match.end()
        more = follows(match.string, end)
        end = more.end() if more else end
        return (Finding("ADDRESS", match.start(value), end, score, label),)

    return Detector(
        kind="ADDRESS",
        name=label,
        trigger=trigger,
        pattern=shape,
        score=score,
        before=before,
        after=after,
        check=check,
        read=read,
        needs_digit=needs_digit,
        once=once,
    )


def seen(piece: str) -> str:
    """Return a piece as the scanner sees a text: Latin-1, with "?" for what is beyond it."""
    return "".join(
        one if one < "\x80" else f"\\x{ord(one):02x}" if one <= "\xff" else "\\?" for one in piece
    )


# Lists as `re` reads them fast; the triggers take them as they are.
_CLEAR = by_first_letter(words.CLEAR)
_COMMON = by_first_letter(words.COMMON)
_CAPITAL_COMMON = "|".join(f"(?-i:{one[0].upper()}){one[1:]}" for one in words.COMMON.split("|"))
_ENDINGS = by_first_letter(words.ENDINGS)
_OPENINGS = by_first_letter(words.OPENINGS)
_SHORT_OPENINGS = by_first_letter(words.SHORT_OPENINGS)
_EASTERN_OPENINGS = by_first_letter(words.EASTERN_OPENINGS)
_MORE_OPENINGS = by_first_letter(words.MORE_OPENINGS)
_CLOSINGS = by_first_letter(words.CLOSINGS)
_FRENCH = by_first_letter(words.FRENCH)
_SURE_ENDINGS = by_first_letter(words.SURE_ENDINGS)
_SURE_OPENINGS = by_first_letter(words.SURE_OPENINGS)
_SIDE = r"(?:\.(?=[ ,]))?(?:,?[ ](?-i:N|S|E|W|NE|NW|SE|SW)\b)?"
_CORNER = (
    rf"(?:{words.NUMBER}[ ])?(?:{words.STREET}|{words.ORDINAL})(?:[ ](?:{words.CLOSINGS}"
    rf"|{words.CLEAR}))?(?:[ ]{words.NUMBER}\.?)?"
)
# Spares most words the look for an ending at each of their letters.
_BEFORE_NUMBER = r"(?=[\w'’.-]{3,44}[ ](?:nr\.?[ ]?)?\d)"
# Behind a street whose number stands before it: 12 via Roma, 00184 Roma.
_TOWN = rf",[ ]\d{{5}}[ ]{words.UPPER}"


def _opening(name: str, trigger: str, opening: str, before_town: str = "") -> Detector:
    """Return a detector of streets whose names open with a word, the number behind them.

    `before_town` are openings that count only between a number and a town.
    """
    return address(
        name,
        trigger,
        rf"(?<![\w.])(?:{words.NUMBERS}[ ](?:{opening}{before_town}){words.STREET}(?={_TOWN})"
        rf"|(?:{words.NUMBERS}[ ])?{opening}{words.STREET}"
        rf"(?:,?[ ](?:n[º°.o]?[ ]?)?|,){words.NUMBER})",
        0.7,
        before=120,
        after=80,
    )


STREETS = (
    address(
        "street",
        rf"[0-9][a-z]?,? [^\n]{{1,60}}\b(?:{words.CLEAR})\b",
        rf"(?P<head>{words.FIRST_NUMBERS},?[ ](?:(?:{words.WORD}"
        rf"|{words.ORDINAL})[ ]){{1,5}}?"
        rf"{_CLEAR}\b){_SIDE}",
        0.75,
        check=is_street,
    ),
    address(
        "street-capital",
        rf" (?:{_CAPITAL_COMMON})\b",
        rf"(?P<head>{words.FIRST_NUMBERS},?[ ](?:(?:{words.CAPITAL}\.?"
        rf"|{words.ORDINAL})[ ]){{1,5}}?"
        rf"(?={words.UPPER}){_COMMON}\b){_SIDE}",
        0.7,
        check=is_street,
    ),
    address(
        "street-ending",
        rf"[^\n]{{3}}(?:{seen(words.ENDINGS)}) (?:nr\.? ?)?[0-9]",
        rf"(?<!\w)(?:{words.NUMBERS}[ ])?(?:{words.CAPITAL}[ ]){{0,2}}{_BEFORE_NUMBER}"
        r"[^\W\d_](?:[^\W_]"
        rf"|['’-]){{2,30}}?"
        rf"{_ENDINGS}[ ](?:nr\.?[ ]?)?{words.NUMBER}",
        0.7,
    ),
    address(
        "street-french",
        rf"[0-9](?: ?bis| ?ter)?,? (?:{seen(words.FRENCH)}) ",
        rf"{words.FIRST_NUMBERS}(?:[ ]?bis|[ ]?ter)?,?[ ]{_FRENCH}[ ]{words.STREET}"
        rf"(?:[ ]\d{{1,4}}(?!\w))?",
        0.7,
    ),
    _opening(
        "street-opening",
        rf"\b(?:{seen(words.OPENINGS)}|via) |\b(?:{seen(words.SHORT_OPENINGS)})",
        rf"(?:{_OPENINGS}[ ]|{_SHORT_OPENINGS}[ ]?|(?-i:Via|VIA)[ ])",
        "|via[ ]",
    ),
    _opening(
        "street-opening-more",
        rf"\b(?:{seen(words.MORE_OPENINGS)}) [^\n0-9]{{2,50}}[0-9]",
        rf"{_MORE_OPENINGS}[ ]",
    ),
    _opening(
        "street-opening-east",
        r"\?\?[?.] ?[^\n0-9]{2,50}[0-9]",
        rf"(?:{_EASTERN_OPENINGS})",
    ),
    address(
        "street-closing",
        rf" (?:{seen(words.CLOSINGS)}) (?:no[.:]{{0,2}} ?)?[0-9]",
        rf"(?<!\w)(?:{words.NUMBERS}[ ])?(?:(?:{words.CAPITAL}\.?[ ]){{1,3}}"
        rf"|(?<=\d[ ])(?:{words.WORD}[ ]){{1,3}}){_CLOSINGS}[ ](?:no[.:]{{0,2}}[ ]?)?"
        rf"{words.NUMBER}\.?",
        0.7,
    ),
    address(
        "street-french-unnumbered",
        rf"\b(?:{seen(words.FRENCH)}) [^\n0-9]{{2,50}}\r?\n[ >\t]{{0,8}}[0-9]{{5}} ",
        rf"(?<!\w){_FRENCH}[ ]{words.STREET},?\r?\n[ >\t]{{0,8}}\d{{5}}[ ]{words.PLACE}",
        0.7,
        tail="",
        once=1,
    ),
    address(
        "street-name",
        rf"\b(?:{words.CLEAR})\b|(?:{seen(words.SURE_ENDINGS)})\b|\b(?:on|at"
        rf"|in) (?:{words.SURE_OPENINGS}) ",
        rf"(?<=\b(?-i:on|at|in)[ ])(?:(?:{words.CAPITAL}\.?[ ]){{1,4}}(?={words.UPPER})"
        rf"{_CLEAR}\b"
        rf"|{words.UPPER}[^\W\d_]{{2,30}}?{_SURE_ENDINGS}\b"
        rf"|(?={words.UPPER}){_SURE_OPENINGS}[ ]{words.STREET})",
        0.5,
        before=110,
        after=60,
        needs_digit=False,
    ),
    address(
        "corner",
        r"\bcorner of ",
        rf"\b(?:the[ ])?corner of (?:the )?{_CORNER}[ ](?:and|&)[ ]{_CORNER}",
        0.7,
        before=20,
        after=120,
        needs_digit=False,
    ),
)
