"""Ways to write a value so that a pattern misses it, as functions from a value to its disguise.

Each takes the value, its kind and a random generator, and returns the disguise; None where the
trick does not apply to such a value. What a reader could not put back is not done to it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Disguise = Callable[[str, str, random.Random], str | None]

NUMBERS = frozenset({"CARD", "IBAN", "SSN", "PHONE", "DATE_OF_BIRTH"})
CODES = NUMBERS | {"MAC", "IP", "PASSPORT"}
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GERMAN = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_CYRILLIC = dict(zip("aeopcxyiABEKMHOPCTX", "аеорсхуіАВЕКМНОРСТХ", strict=True))
_GREEK = dict(zip("oAvEBHIKMNTXPOZ", "οΑνΕΒΗΙΚΜΝΤΧΡΟΖ", strict=True))
_CONFUSED = {"0": "O", "1": "l", "5": "S", "8": "B", "2": "Z"}


def some(value: str, random_: random.Random, change: Callable[[str], str], share: float) -> str:
    """Change a share of the characters, and at least one that can be."""
    able = [n for n, sign in enumerate(value) if change(sign) != sign]
    chosen = set(random_.sample(able, max(1, round(share * len(able))))) if able else set[int]()
    return "".join(change(sign) if n in chosen else sign for n, sign in enumerate(value))


def _between(value: str, random_: random.Random, what: str | Sequence[str], share: float) -> str:
    places = range(1, len(value))
    chosen = set(random_.sample(places, max(1, round(share * len(places)))))
    parts = [(random_.choice(what) if n in chosen else "") + sign for n, sign in enumerate(value)]
    return "".join(parts)


def zero_width(value: str, kind: str, random_: random.Random) -> str:
    return _between(
        value, random_, "\u200b\u200c\u200d\u2060\ufeff\u200e", random_.choice((0.1, 0.3, 1.0))
    )


def soft_hyphen(value: str, kind: str, random_: random.Random) -> str:
    return _between(value, random_, "\u00ad", 0.3)


def direction_marks(value: str, kind: str, random_: random.Random) -> str:
    return "\u202d" + _between(value, random_, "\u2066\u2069\u202c", 0.2)


def combining_marks(value: str, kind: str, random_: random.Random) -> str:
    return _between(value, random_, "\u0332\u0336\u0301\u20e3", 0.5) + "\u0332"


def full_width(value: str, kind: str, random_: random.Random) -> str:
    wide = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
    return some(value, random_, lambda sign: wide.get(sign, sign), random_.choice((0.3, 1.0)))


def styled_letters(value: str, kind: str, random_: random.Random) -> str:
    upper, lower, digit = random_.choice(((0x1D400, 0x1D41A, 0x1D7CE), (0x1D5D4, 0x1D5EE, 0x1D7EC)))

    def styled(sign: str) -> str:
        if sign.isdigit():
            return chr(digit + int(sign))
        if not sign.isascii() or not sign.isalpha():
            return sign
        return chr(lower + ord(sign) - 97) if sign.islower() else chr(upper + ord(sign) - 65)

    return some(value, random_, styled, 1.0)


def lookalike(value: str, kind: str, random_: random.Random) -> str | None:
    table = random_.choice((_CYRILLIC, _GREEK))
    done = some(value, random_, lambda sign: table.get(sign, sign), 0.5)
    return done if done != value else None


def foreign_digits(value: str, kind: str, random_: random.Random) -> str | None:
    zero = random_.choice((0x660, 0x6F0, 0x966, 0xFF10))
    if kind not in CODES - {"MAC"}:
        return None
    return some(value, random_, lambda s: chr(zero + int(s)) if s.isdigit() else s, 1.0)


def odd_dashes(value: str, kind: str, random_: random.Random) -> str | None:
    if not re.search(r"\d[ -]\d", value):
        return None
    return re.sub("[ -]", random_.choice("\u2010\u2011\u2212\u2007\u202f\u3000"), value)


def confused_digits(value: str, kind: str, random_: random.Random) -> str | None:
    if kind not in {"CARD", "SSN"} or not re.search("[01582]", value):
        return None
    return some(value, random_, lambda sign: _CONFUSED.get(sign, sign), 0.3)


def at_dot(value: str, kind: str, random_: random.Random) -> str | None:
    if kind == "IP" and "." in value:
        return value.replace(".", random_.choice(("[.]", "(dot)", " dot ", " [dot] ")))
    if kind != "EMAIL":
        return None
    at, dot = random_.choice(
        (
            (" [at] ", " [dot] "),
            ("[at]", "[dot]"),
            (" (at) ", " (dot) "),
            ("{at}", "{dot}"),
            ("_at_", "_dot_"),
            (" AT ", " DOT "),
            (" at ", " dot "),
            ("<at>", "<dot>"),
            ("(@)", "."),
            (" @ ", " . "),
            ("[at]", "."),
            (" at the rate of "[:4], " dot "),
            ("@", " dot "),
            ("@", "[.]"),
        )
    )
    return value.replace("@", at).replace(".", dot)


def spaced(value: str, kind: str, random_: random.Random) -> str | None:
    gap = random_.choice((" ", " ", ".", "-", "_", " · ", "\u00a0", "  "))
    if gap.strip() and kind not in NUMBERS:
        gap = " "
    solid = re.sub("[ -]", "", value) if kind not in {"SSN", "DATE_OF_BIRTH"} else value
    return gap.join(solid) if kind not in {"JWT", "URL"} else None


def odd_separators(value: str, kind: str, random_: random.Random) -> str | None:
    if kind not in {"CARD", "IBAN", "SSN", "PHONE", "MAC"}:
        return None
    gap = random_.choice(("/", "_", "~", " - ", "|", "*", "--", " / ", "\u2022"))
    done = re.sub("[ :-]", gap, value)
    return done if done != value else None


def emoji_between(value: str, kind: str, random_: random.Random) -> str | None:
    if kind not in NUMBERS:
        return None
    return random_.choice("🔥⭐🙂✨").join(re.sub("[ ]", "", value))


def split_lines(value: str, kind: str, random_: random.Random) -> str | None:
    end = random_.choice(("\n", "\r\n", "\n  ", "\n> "))
    if kind == "EMAIL":
        place = random_.choice((value.index("@"), value.index("@") + 1, value.index("@") + 4))
    elif kind in {"CARD", "IBAN", "PHONE", "SSN"}:
        places = [m.end() for m in re.finditer("[ -]", value)]
        place = random_.choice(places[1:] or places or [len(value) // 2])
    elif kind in {"SECRET", "JWT", "URL"}:
        place = random_.randrange(12, len(value) - 4)
    else:
        return None
    return value[:place].rstrip(" ") + end + value[place:]


def digit_words(value: str, kind: str, random_: random.Random) -> str | None:
    if kind not in NUMBERS - {"DATE_OF_BIRTH"}:
        return None
    names = random_.choice((_WORDS, _WORDS, _GERMAN))
    said = {str(n): word for n, word in enumerate(names)} | {"+": "plus", "-": "dash"}
    return " ".join(said.get(sign, sign) for sign in value if sign not in " ()")


def half_words(value: str, kind: str, random_: random.Random) -> str | None:
    if kind not in {"CARD", "PHONE"}:
        return None
    said = [
        _WORDS[int(s)] if s.isdigit() and random_.random() < 0.5 else s
        for s in value
        if s not in " ()-"
    ]
    return " ".join(said)
