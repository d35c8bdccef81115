"""Draws that a key decides: the same key and the same purpose give the same row of numbers.

The row is SHA-256 in counter mode over a seed, the HMAC-SHA256 of the purpose. Pure functions.
"""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


class Draws:
    """An endless row of numbers for one purpose."""

    def __init__(self, key: bytes, *purpose: str) -> None:
        about = "\0".join(purpose).encode("utf-8", "replace")
        self._seed = hmac.new(key, about, hashlib.sha256).digest()
        self._drawn = 0

    def below(self, most: int) -> int:
        """Return the next number, from 0 up to but not including `most`."""
        self._drawn += 1
        block = hashlib.sha256(self._seed + self._drawn.to_bytes(8, "big")).digest()
        return int.from_bytes(block[:8], "big") % most

    def of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of several."""
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        """Return so many digits."""
        return "".join(self.of(string.digits) for _ in range(count))

    def alike(self, text: str) -> str:
        """Return a text of the same shape: digits for digits, letters for letters, signs as are.

        Letters are of a to z, in the case of those they stand for; a digit that is not 0 at the
        beginning of a row of digits stays none.
        """
        made: list[str] = []
        before = ""
        for sign in text:
            if sign.isdigit():
                opens = sign != "0" and not before.isdigit()
                made.append(self.of(string.digits[1:] if opens else string.digits))
            elif sign.isalpha():
                letter = self.of(string.ascii_lowercase)
                made.append(letter.upper() if sign.isupper() else letter)
            else:
                made.append(sign)
            before = sign
        return "".join(made)


def cased(word: str, like: str) -> str:
    """Return a word in the case of another: capitals, small letters, or as it is."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.lower() if like.islower() else word


def laid(digits: str, over: str) -> str:
    """Return a text with other digits, as many as it has, in the places of its own."""
    new = iter(digits)
    return "".join(next(new) if sign.isdigit() else sign for sign in over)
