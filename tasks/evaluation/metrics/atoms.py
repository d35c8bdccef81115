"""Reads an answer as atoms: words, numbers, quantities with their unit, and times of day.

Equal things become equal atoms however they are written: "eighty-nine euros", "89 €" and "€89.00";
"1,900 grams" and "1.9 kg"; "5 pm" and "17:00". "89" and "890" stay different, as do "12 months" and
"12 years". Pure functions; nothing is read or written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

# Unit as written -> (canonical unit, how many of it).
_UNITS: dict[str, tuple[str, Fraction]] = {
    name: (unit, Fraction(factor))
    for unit, factor, names in (
        ("euro", "1", "€ euro euros eur"),
        ("dollar", "1", "$ dollar dollars usd"),
        ("pound", "1", "£ pound pounds gbp"),
        ("percent", "1", "% percent"),
        ("gram", "1", "g gram grams gr"),
        ("gram", "1000", "kg kgs kilo kilos kilogram kilograms"),
        ("ounce", "1", "oz ounce ounces"),
        ("ounce", "16", "lb lbs"),
        ("day", "1/1440", "min mins minute minutes"),
        ("day", "1/24", "h hr hrs hour hours"),
        ("day", "1", "day days"),
        ("day", "7", "week weeks"),
        ("month", "1", "month months"),
        ("month", "12", "year years yr yrs"),
        ("meter", "1/1000", "mm millimeter millimeters"),
        ("meter", "1/100", "cm centimeter centimeters centimetre centimetres"),
        ("meter", "1", "m meter meters metre metres"),
        ("meter", "1000", "km kilometer kilometers kilometre kilometres"),
        ("liter", "1", "l liter liters litre litres"),
        ("liter", "1/1000", "ml milliliter milliliters"),
    )
    for name in names.split()
}
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBER_WORDS = {word: n for n, word in enumerate(_SMALL)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000}
_BETWEEN = frozenset({"working", "business", "calendar", "full", "whole"})

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_TOKEN = re.compile(
    rf"""
      (?P<contact>(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | (?<![\w.])(?P<hour>\d{{1,2}})(?:[:.](?P<minute>[0-5]\d))?\s*(?P<half>[ap])\.?m\b\.?
    | (?<![\w.])(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)(?!\d)
    | (?<![\w.])(?P<clock>\d{{1,2}})\s*o'clock\b
    | (?P<sign>[€$£])\s*(?P<amount>{_NUMBER})
    | (?<![\w.])(?P<number>{_NUMBER})(?:\s*(?P<mark>[€$£%])|(?P<glued>[a-z]+)\b|(?!\w))
    | (?P<word>[^\W_]+(?:'[^\W_]+)?)
    | (?P<stop>[.,;:!?\n])
    """,
    re.VERBOSE,
)


class Atom(NamedTuple):
    """One thing an answer says.

    `kind` is word, number, quantity, time (`value` in minutes after midnight) or contact. `clause`
    counts the clauses before it. `loose` marks a time that may be morning or afternoon, and a
    number that is spelled out.
    """

    kind: str
    text: str
    value: Fraction = Fraction(0)
    unit: str = ""
    clause: int = 0
    loose: bool = False


def normalized(text: str) -> str:
    """Return text in one case, with plain quotes and dashes and without list numbering."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("`", "'")
    text = re.sub(r"(?m)^\s*(?:1?\d|20)[.)]\s+", "", text)
    return re.sub(r"\bper cent\b", "percent", text)


def read_atoms(text: str) -> list[Atom]:
    """Return the atoms of a text, in order."""
    atoms: list[Atom] = []
    clause = 0
    for match in _TOKEN.finditer(normalized(text)):
        if match["stop"]:
            clause += 1
        else:
            atoms.extend(atom._replace(clause=clause) for atom in _token(match))
    return _with_units(_with_spelled_numbers(atoms))


def same(one: Atom, other: Atom) -> bool:
    """Tell whether two atoms say the same; a time that may be morning or afternoon fits both."""
    if one.kind != other.kind:
        return False
    if one.kind == "time":
        return one.value == other.value or (
            (one.loose or other.loose) and (one.value - other.value) % 720 == 0
        )
    if one.kind in ("word", "contact"):
        return one.text == other.text
    return (one.value, one.unit) == (other.value, other.unit)


def find(part: Sequence[Atom], whole: Sequence[Atom]) -> list[int]:
    """Return where `part` begins in `whole`; a bare number in `part` fits any unit."""
    if not part:
        return []
    return [
        start
        for start in range(len(whole) - len(part) + 1)
        if all(
            same(p, w) or (p.kind == "number" and w.kind == "quantity" and _bare(w) == p.value)
            for p, w in zip(part, whole[start:], strict=False)
        )
    ]


def _bare(quantity: Atom) -> Fraction:
    """Return a quantity's number as it was written, before its unit was made canonical."""
    return Fraction(quantity.text)


def _token(match: re.Match[str]) -> list[Atom]:
    if match["contact"]:
        return [Atom("contact", match["contact"].rstrip(".,;:!?)"))]
    if match["word"]:
        return _word(match["word"])
    if match["sign"]:
        return [_quantity(_fraction(match["amount"]), match["sign"])]
    if match["number"]:
        return _number(match)
    return [_time(match)]


def _word(word: str) -> list[Atom]:
    if word in ("noon", "midday", "midnight"):
        return [Atom("time", word, Fraction(0 if word == "midnight" else 720))]
    word = word.removesuffix("'s")
    # "on Mondays" says what "on Monday" says.
    return [Atom("word", word.removesuffix("s") if word.endswith("days") else word)]


def _number(match: re.Match[str]) -> list[Atom]:
    value, unit = _fraction(match["number"]), match["mark"] or match["glued"]
    if unit in _UNITS:
        return [_quantity(value, unit)]
    if unit:  # "4x", "3rd", "30l-pack": not a number that is claimed
        return [Atom("word", match["number"] + unit)]
    return [Atom("number", match["number"], value)]


def _time(match: re.Match[str]) -> Atom:
    hour = int(match["hour"] or match["hour24"] or match["clock"])
    minute = int(match["minute"] or match["minute24"] or 0)
    loose = match["half"] is None and 1 <= hour <= 12
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] == "p" else 0)
    return Atom("time", match[0], Fraction(60 * hour + minute), loose=loose)


def _quantity(value: Fraction, unit: str) -> Atom:
    canonical, factor = _UNITS[unit]
    return Atom("quantity", str(value), value * factor, canonical)


def _fraction(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))


def _with_units(atoms: Sequence[Atom]) -> list[Atom]:
    """Join each number with the unit word after it ("2 working days" too)."""
    joined: list[Atom] = []
    skip = 0
    for index, atom in enumerate(atoms):
        if skip:
            skip -= 1
            continue
        after = [a.text for a in atoms[index + 1 : index + 3] if a.clause == atom.clause]
        ahead = 2 if after[:1] and after[0] in _BETWEEN else 1
        if atom.kind == "number" and len(after) >= ahead and after[ahead - 1] in _UNITS:
            atom, skip = _quantity(atom.value, after[ahead - 1])._replace(clause=atom.clause), ahead
        elif atom == Atom("word", "eur", clause=atom.clause) and index + 1 < len(atoms):
            following = atoms[index + 1]
            if following.kind == "number":
                atom, skip = _quantity(following.value, "eur")._replace(clause=atom.clause), 1
        joined.append(atom)
    return joined


def _with_spelled_numbers(atoms: Sequence[Atom]) -> list[Atom]:
    """Turn runs of number words into numbers; "one" alone stays a word unless a unit follows."""
    turned: list[Atom] = []
    index = 0
    while index < len(atoms):
        words = [a.text if a.kind == "word" else "" for a in atoms[index : index + 8]]
        value, used = _spelled(words)
        follows = words[used] if used < len(words) else ""
        if not used or (words[:used] == ["one"] and follows not in _UNITS):
            turned.append(atoms[index])
            index += 1
            continue
        text = " ".join(words[:used])
        turned.append(Atom("number", text, Fraction(value), clause=atoms[index].clause, loose=True))
        index += used
    return turned


def _spelled(words: Sequence[str]) -> tuple[int, int]:
    """Return the value of the number words at the start of `words`, and how many there are."""
    total = current = used = 0
    for index, word in enumerate(words):
        if word in _NUMBER_WORDS:
            grown = _grown(current, _NUMBER_WORDS[word], started=index > 0)
            if grown is None:
                break
            current = grown
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1000, 0
        elif word == "and" and index > 0 and words[index - 1] in _SCALES:
            continue
        else:
            break
        used = index + 1
    return total + current, used


def _grown(current: int, value: int, *, started: bool) -> int | None:
    """Add a word's value to a spelled number, or return None if it begins another number."""
    if not started or current % 100 == 0:
        return current + value
    if value < 10 and current % 100 >= 20 and current % 10 == 0:
        return current + value
    if value >= 10 and 10 <= current <= 99:  # years: "nineteen seventy-four"
        return current * 100 + value
    return None
