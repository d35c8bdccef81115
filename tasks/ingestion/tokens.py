"""What counts as a word, and what as a sign, where texts are compared word by word.

A word has its combining marks, which are vowels in many scripts. Where signs count, each is a word
of its own: brackets, emoji, stars, what mathematics is written with. Sentence punctuation, quotes
and dashes are no signs, nor is what does not show, for these come and go without another meaning;
a dash before a number is a minus, however it is typed. Pure functions; writes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby

from data_contracts.placeholders import PLACEHOLDER

# Scripts without spaces: each character counts as a word, with its marks.
_SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_LAST = 0x1FFFF  # of the characters looked at; beyond are ideographs, and what does not show
_SHAPES = frozenset(range(0xFE00, 0xFE10))  # how the sign before is drawn
_HIDDEN = r"\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_QUOTES = "`\u00b4\u201a\u201e" + "".join(map(chr, range(0x3008, 0x3010))) + "\uff62\uff63"
_NO_PUNCTUATION = "#%&*/@\\§¶†‡‰‱※＃％＆＊／＠＼"  # though Unicode has them so
_MINUS = "\u2212"
# A dash that takes away: before a figure, or before a letter that stands for one.
_BEFORE_NUMBER = r"(?=\s*[\d.∞])|(?<!\w)[{dashes}](?=[^\W\d_]\b)"
_NEGATION = r"(?<!\w)!(?=[\w(\[=$])"  # of code


def tokens(text: str, *, signs: bool) -> list[re.Match[str]]:
    """Return the words of a text, in order, and with `signs` these, too."""
    return list(_pattern(signs, plain=text.isascii()).finditer(text))


def folded(found: Iterable[re.Match[str]], *, plain: bool) -> tuple[str, ...]:
    """Return tokens as they are compared: without case, and without what is typography alone.

    `plain` tells that the text is ASCII, which has each sign once.
    """
    if plain:
        return tuple([one[0].casefold() for one in found])
    variants = _variants()
    return tuple([variants.get(one[0]) or one[0].casefold() for one in found])


def as_written(text: str) -> str:
    """Return a text with its case and punctuation, but for its white space and its end."""
    return " ".join(text.translate(_typography()).split()).rstrip(".!?: ")


@cache
def _pattern(signs: bool, plain: bool) -> re.Pattern[str]:
    if plain:  # most text is, and this takes half the time
        flags, word = re.ASCII, r"[^\W_]+"
        dashes, unsigned = "\\-", "".join(map(re.escape, filter(str.isascii, _unsigned())))
    else:
        flags, word = re.UNICODE, _word()
        dashes, unsigned = _ranges(_dashes()), _ranges(map(ord, _unsigned()))
    found = [word, PLACEHOLDER]  # that of redaction: one word, and no figure
    if signs:
        minus = f"[{dashes}]{_BEFORE_NUMBER.format(dashes=dashes)}"
        found += [minus, _NEGATION, rf"[^\w\s{_HIDDEN}{unsigned}]"]
    return re.compile("|".join(found), flags)


def _word() -> str:
    marks = _ranges(code for code in _codes("M") if code not in _SHAPES)
    letters = rf"[^\W_{_SPACELESS}]+"
    return rf"{letters}(?:[{marks}]+(?:{letters})?)*|[{_SPACELESS}][{marks}]*"


@cache
def _variants() -> Mapping[str, str]:
    """How signs are written that have more than one form: dashes, and those of full width."""
    wide = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    signs = {one: plain for one, plain in wide.items() if not plain.isalnum()}
    return signs | {chr(code): "-" for code in _dashes()}


@cache
def _typography() -> Mapping[int, str]:
    quotes = {ord(quote): '"' for quote in _QUOTES} | {code: '"' for code in _codes("Pi", "Pf")}
    single = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b`\u00b4"), "'")
    return quotes | single | {ord(one): plain for one, plain in _variants().items()}


def _unsigned() -> list[str]:
    """Return the punctuation that is no sign, with all dashes."""
    found = {*map(chr, [*_codes("Po", "Pi", "Pf"), *_dashes()]), *_QUOTES, "'", '"'}
    return sorted(found - set(_NO_PUNCTUATION))


def _dashes() -> list[int]:
    return [*_codes("Pd"), ord(_MINUS)]


def _codes(*categories: str) -> list[int]:
    """Return the characters of categories of Unicode, such as all marks: "M"."""
    return [code for one in categories for code in _by_category().get(one, ())]


@cache
def _by_category() -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for code in range(_LAST + 1):
        category = unicodedata.category(chr(code))
        if category[0] in "MP":
            kind = "M" if category[0] == "M" else category
            found.setdefault(kind, []).append(code)
    return found


def _ranges(codes: Iterable[int]) -> str:
    """Return characters as they stand between the brackets of a pattern."""
    numbered = enumerate(sorted(set(codes)))
    runs = [[code for _, code in run] for _, run in groupby(numbered, lambda one: one[1] - one[0])]
    return "".join(rf"\U{run[0]:08x}-\U{run[-1]:08x}" for run in runs)
