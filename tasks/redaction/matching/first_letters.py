"""Makes long lists of words cheap in a regular expression: by their first letters. Pure functions.

`re` tries each word of `(?:avenue|lane|...)` in turn where case does not matter. Put as
`(?:[Aa](?:venue|lley)|[Ll](?:ane))`, most are left out at a glance, and the same texts match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tasks.redaction.patterns import compiled

_LETTER = compiled(r"\w(?![?*+{])")  # one that must stand there
_PIECE = compiled(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)  # a sign or a class of signs
# Letters that IGNORECASE holds for one another beyond capitals, as `re` does it.
_KIN = {"i": "ı\u0130", "k": "\u212a", "s": "ſ", "å": "\u212b", "ß": "\u1e9e", "σ": "ς"}


def by_first_letter(*alternatives: str) -> str:
    """Return alternatives (expressions parted by "|") in a group, spread by their first letters.

    For patterns with IGNORECASE. Alternatives with one letter keep their order; those that start
    with anything but a letter or a digit come last.
    """
    spread, last = _spread(alternatives)
    return _group([_sign(letter) + _group(rest) for letter, rest in spread.items()] + last)


def where_words_start(*alternatives: str, not_behind: str = r"\w") -> str:
    r"""Return what finds alternatives that start a word, as `\b` and `by_first_letter` would.

    `re` runs to the next of their first letters without trying the signs between. `not_behind` is
    what must not stand before. An alternative that starts with no letter is a ValueError.
    """
    spread, last = _spread(alternatives)
    if last:
        message = f"alternatives start with no letter: {last}"
        raise ValueError(message)
    signs = "".join(map(_signs, spread))
    ways = [f"(?<={_sign(letter)}){_group(rest)}" for letter, rest in spread.items()]
    return f"(?-i:[{signs}])(?<!{not_behind}.){_group(ways)}"


def _spread(alternatives: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return what follows each first letter, and what starts with none."""
    spread: dict[str, list[str]] = {}
    last: list[str] = []
    for one in _opened("|".join(alternatives)):
        if _LETTER.match(one):
            spread.setdefault(one[0].lower(), []).append(one[1:])
        else:
            last.append(one)
    return spread, last


def _group(alternatives: list[str]) -> str:
    return f"(?:{'|'.join(alternatives)})"


def _sign(letter: str) -> str:
    signs = _signs(letter)
    return f"(?-i:[{signs}])" if len(signs) > 1 else letter


def _signs(letter: str) -> str:
    capital = letter.upper()
    other = capital if len(capital) == 1 and capital != letter else ""
    return letter + other + _KIN.get(letter, "")


def _opened(alternatives: str) -> Iterator[str]:
    """Part alternatives; "(?:tele)?phone" is two of them: "telephone" and "phone"."""
    for one in _parted(alternatives, "|"):
        if one[1:2] == "?" and one[0].isalnum():
            yield from (one[0] + one[2:], one[2:])
            continue
        head, *rest = _parted(one, ")") if one.startswith("(?:") else [one]
        behind = ")".join(rest)
        if not rest or behind[:1] in {"*", "+", "{"}:
            yield one
            continue
        optional = behind.startswith("?")
        behind = behind.removeprefix("?")
        for inner in _opened(head.removeprefix("(?:")):
            yield inner + behind
        if optional:
            yield from _opened(behind)


def _parted(pattern: str, mark: str) -> list[str]:
    """Split at each mark that stands in no brackets, but for those that a mark ")" closes."""
    parts, depth = [""], -(mark == ")")
    for piece in _PIECE.findall(pattern):
        if piece == mark and not depth:
            parts.append("")
            continue
        depth += (piece == "(") - (piece == ")")
        parts[-1] += piece
    return parts
