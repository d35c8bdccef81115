"""Numbers said in words: "four one one double one", "plus four one seven nine", "fünf null".

Pure functions over strings. Only digits (and tens) in a row count, so amounts and sentences with a
number in them stay. English, German, Spanish, French, Italian, Portuguese and Dutch digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.disguises.spacing import NUMBERS
from tasks.redaction.forms.numbers.iban import LENGTH
from tasks.redaction.patterns import compiled

_SPOKEN = NUMBERS | {"DATE_OF_BIRTH", "PASSPORT", "IP", "MAC", "LICENSE", "HEALTH_ID"}
_BY_DIGIT = (
    "zero oh null nought naught zéro cero nul nil",
    "one eins ein uno un une een",
    "two zwei zwo dos deux due dois duas twee",
    "three drei tres trois tre três drie",
    "four vier cuatro quatre quattro quatro",
    "five fünf fuenf cinco cinq cinque vijf",
    "six sechs seis sei zes",
    "seven sieben siete sept sette sete zeven",
    "eight acht ocho huit otto oito",
    "nine niner neun nueve neuf nove negen",
)
DIGITS = {word: str(n) for n, words in enumerate(_BY_DIGIT) for word in words.split()}
_TEEN_WORDS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TEENS = {word: str(n) for n, word in enumerate(_TEEN_WORDS.split(), 10)}
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: str(n) for n, word in enumerate(_TEN_WORDS.split(), 2)}
_TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4, "twice": 2, "doppel": 2}
_POWERS = {"hundred": "00", "thousand": "000"}
_SIGNS = {
    **dict.fromkeys(("dash", "hyphen", "minus", "tiret", "strich"), "-"),
    **dict.fromkeys(("dot", "point", "period"), "."),
    "slash": "/",
    "plus": "+",
    "space": " ",
    "colon": ":",
}
_KNOWN = frozenset({*DIGITS, *_TEENS, *_TENS, *_TIMES, *_POWERS, *_SIGNS})
_FILLERS = frozenset({"and", "then", "um", "uh", "und", "y", "et", "e", "comma", "pause"})
_SHORTEST, _LONGEST = 6, 200  # digits; a date of birth has no less
_WORDS = 3  # of them said in words
_TOKEN = compiled(r"[^\W\d_]+|\d+")
_BETWEEN = compiled(r"[\s,.;:\-–—_/|…()]{0,5}")


@dataclass(slots=True)
class _Run:
    """Digits in a row as they are read; `groups` has the gaps that split them up, by place."""

    start: int
    end: int = 0
    text: str = ""
    words: int = 0
    times: int = 1
    tens: bool = False  # the last word was twenty, thirty ...
    groups: list[int] = field(default_factory=list[int])

    def add(self, word: str) -> bool:
        """Take one more word or number in; False if the run ends before it."""
        if len(self.text) > _LONGEST:
            return False
        if word in DIGITS or word in _TEENS or word in _TENS:
            self._digit(word)
        elif word.isdigit() or (len(word) == 1 and word.isascii()):
            self._put(word.upper())
        elif word.isupper() and (word in LENGTH if not self.text else self.text[:2] in LENGTH):
            self._put(word)  # the country of an IBAN, and its bank
        elif word in _POWERS and self.text[-1:].isdigit():
            self._put(_POWERS[word])
        elif word in _TIMES:
            self.times = _TIMES[word]
        elif word in _SIGNS:
            self.text += _SIGNS[word]
        elif not (self.text and word in _FILLERS):
            return False
        return True

    def _digit(self, word: str) -> None:
        self.words += 1
        if self.tens and word in DIGITS and DIGITS[word] != "0":
            self.text = self.text[:-1]  # twenty three
        self._put(DIGITS.get(word) or _TEENS.get(word) or _TENS[word] + "0")
        self.tens = word in _TENS

    def _put(self, digits: str) -> None:
        self.text += digits * self.times
        self.times, self.tens = 1, False


def digit_word_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with each number that is said in words in digits."""
    for run in _runs(text):
        for plain in dict.fromkeys(_written(run)):
            edit = Edit(run.start, run.end, plain, "digit-words")
            yield from rewrite(text, [edit], _SPOKEN)


def _runs(text: str) -> Iterator[_Run]:
    run: _Run | None = None
    for token in _TOKEN.finditer(text):
        if run is not None and not _BETWEEN.fullmatch(text, run.end, token.start()):
            if _is_number(run):
                yield run
            run = None
        word = token[0].lower()
        if token[0].isupper() and word not in _KNOWN:
            word = token[0]
        if run is not None:
            _note_gap(run, text[run.end : token.start()])
            if run.add(word):
                run.end = token.end()
                continue
            if _is_number(run):
                yield run
        run = _Run(token.start(), token.end())
        loose = len(word) == 1 and token[0].islower()  # the end of "it's", a plain "a"
        if loose or word in _FILLERS or not run.add(word):
            run = None
    if run is not None and _is_number(run):
        yield run


def _note_gap(run: _Run, gap: str) -> None:
    if gap.strip() or "\n" in gap or len(gap) > 1:
        run.groups.append(len(run.text))


def _is_number(run: _Run) -> bool:
    digits = re.sub(r"\D", "", run.text)
    if run.words < _WORDS or len(digits) < _SHORTEST:
        return False
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return len(steps) > 1  # otherwise someone counts


def _written(run: _Run) -> Iterator[str]:
    """Yield how the number may have been written: in one, in its groups, as a phone number."""
    yield run.text
    places = sorted({place for place in run.groups if 0 < place < len(run.text)})
    if places and len(places) <= len(run.text) // 2:
        cuts = [0, *places, len(run.text)]
        groups = [run.text[a:b] for a, b in pairwise(cuts)]
        yield "-".join(groups)
        yield " ".join(groups)
    if re.fullmatch(r"1?([2-9]\d\d){2}\d{4}", run.text):  # North America
        yield f"{run.text[:-10]} {run.text[-10:-7]}-{run.text[-7:-4]}-{run.text[-4:]}".strip()
    elif re.fullmatch(r"0\d{8,10}", run.text):  # with a trunk digit, as in most of Europe
        yield f"{run.text[:5]} {run.text[5:]}"
    elif re.fullmatch(r"[2-9]\d{6}", run.text):
        yield f"{run.text[:3]}-{run.text[3:]}"
