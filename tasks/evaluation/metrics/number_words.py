"""Numbers that are spelled out: "eighty-nine", "one thousand five", "nineteen seventy-four".

Pure functions over lower-case words; a hyphen parts words.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def spelled(words: Sequence[str]) -> tuple[int, int]:
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
