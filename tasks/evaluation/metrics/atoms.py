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

from tasks.evaluation.metrics.number_words import spelled

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
_BETWEEN = frozenset({"working", "business", "calendar", "full", "whole"})

# A minus sign: not what joins a range, a date or a phone number ("3-5", "555-0134"), nor a bullet.
_MINUS = (
    r"(?P<{}>(?:(?<![\w.%°€$£)\]}}–—−-])|(?<=\d[–—−-]))(?:[–-](?=[\d€$£])|−\s?(?=[\d€$£]))"
    r"(?!\d{{1,2}}(?:[:.]\d\d)?\s*[ap]\.?m\b|\d{{1,2}}:\d\d))?"
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_TOKEN = re.compile(
    rf"""
      (?P<contact>(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    | (?<![\w.])(?P<hour>\d{{1,2}})(?:[:.](?P<minute>[0-5]\d))?\s*(?P<half>[ap])\.?m\b\.?
    | (?<![\w.])(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)(?!\d)
    | (?<![\w.])(?P<clock>\d{{1,2}})\s*o'clock\b
    | {_MINUS.format("minus")}(?P<sign>[€$£])\s*(?P<inner>[−-])?(?P<amount>{_NUMBER})
    | {_MINUS.format("negative")}(?<![\w.])(?P<number>{_NUMBER})
      (?:\s*(?P<mark>[€$£%])|(?P<glued>[a-z]+)\b|(?!\w))
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
    text = text.replace("\u2010", "-")  # what is left of the hyphens that are no minus sign
    text = re.sub(r"(?m)^\s*(?:1?\d|20)[.)]\s+", "", text)
    return re.sub(r"\bper cent\b", "percent", text)


def read_atoms(text: str) -> list[Atom]:
    """Return the atoms of a text, in order."""
    atoms: list[Atom] = []
    plain, clause, figure_ended = normalized(text), 0, 0
    for match in _TOKEN.finditer(plain):
        if match["stop"]:
            clause += 1
            continue
        # "3 -5 days" is a range that was typed so.
        signed = not figure_ended or bool(plain[figure_ended : match.start()].strip())
        atoms.extend(atom._replace(clause=clause) for atom in _token(match, signed=signed))
        figure_ended = match.end() if match["number"] or match["amount"] else 0
    return _with_units(_with_signs(_with_spelled_numbers(atoms)))


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


def _token(match: re.Match[str], *, signed: bool) -> list[Atom]:
    if match["contact"]:
        return [Atom("contact", match["contact"].rstrip(".,;:!?)"))]
    if match["word"]:
        return _word(match["word"])
    if match["sign"]:
        below = match["inner"] or (signed and match["minus"])
        return [_quantity(_fraction(match["amount"], negative=bool(below)), match["sign"])]
    if match["number"]:
        return _number(match, negative=bool(signed and match["negative"]))
    return [_time(match)]


def _word(word: str) -> list[Atom]:
    if word in ("noon", "midday", "midnight"):
        return [Atom("time", word, Fraction(0 if word == "midnight" else 720))]
    word = word.removesuffix("'s")
    # "on Mondays" says what "on Monday" says.
    return [Atom("word", word.removesuffix("s") if word.endswith("days") else word)]


def _number(match: re.Match[str], *, negative: bool) -> list[Atom]:
    value = _fraction(match["number"], negative=negative)
    unit = match["mark"] or match["glued"]
    if unit in _UNITS:
        return [_quantity(value, unit)]
    if unit:  # "4x", "3rd", "30l-pack": not a number that is claimed
        return [Atom("word", match["number"] + unit)]
    return [Atom("number", ("-" if negative else "") + match["number"], value)]


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


def _fraction(digits: str, *, negative: bool) -> Fraction:
    value = Fraction(digits.replace(",", ""))
    return -value if negative else value


def _with_signs(atoms: Sequence[Atom]) -> list[Atom]:
    """Read "minus 3", "negative three" and "3 (degrees) below zero" as numbers below zero."""
    signed: list[Atom] = []
    index = 0
    while index < len(atoms):
        atom, before = atoms[index], signed[-1] if signed else None
        under = _below_zero(atoms, index)
        if before and _says_minus(before, atom) and not (len(signed) > 1 and _counts(signed[-2])):
            signed[-1] = atom._replace(value=-atom.value, text=f"-{atom.text}")
        elif under:
            signed.append(atom._replace(value=-atom.value, text=f"-{atom.text}"))
            signed.extend(atoms[index + 1 : under])
            index = under + 1
        else:
            signed.append(atom)
        index += 1
    return signed


def _says_minus(word: Atom, number: Atom) -> bool:
    same_clause = word.clause == number.clause
    return same_clause and number.kind == "number" and word.text in ("minus", "negative")


def _counts(atom: Atom) -> bool:
    return atom.kind in ("number", "quantity")


def _below_zero(atoms: Sequence[Atom], start: int) -> int:
    """Return where "below zero" follows the number at `start`, within two words; else 0."""
    if atoms[start].kind != "number":
        return 0
    for place in range(start + 1, min(start + 4, len(atoms) - 1)):
        if atoms[place].clause != atoms[start].clause or _counts(atoms[place]):
            return 0
        if atoms[place].text == "below" and atoms[place + 1].text in ("zero", "0"):
            return place
    return 0


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
        value, used = spelled(words)
        follows = words[used] if used < len(words) else ""
        if not used or (words[:used] == ["one"] and follows not in _UNITS):
            turned.append(atoms[index])
            index += 1
            continue
        text = " ".join(words[:used])
        turned.append(Atom("number", text, Fraction(value), clause=atoms[index].clause, loose=True))
        index += used
    return turned
