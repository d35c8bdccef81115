"""Reads lists and objects out of text: JSON, or Python's and numpy's repr, as pandas writes CSV.

A repr is not evaluated: its tokens are turned into JSON one by one, which takes time and memory in
proportion to its length. Pure functions; write nothing.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'[^'\\\n]*(?:\\.[^'\\\n]*)*'|"[^"\\\n]*(?:\\.[^"\\\n]*)*")
    |(?P<word>None|True|False|nan|NaT|-?inf)\b
    |(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<open>array\(|[\[({])
    |(?P<call>(?:datetime\.\w+|(?:pd\.)?Timestamp|(?:pd\.)?Timedelta|UUID|Decimal|np\.\w+)\((?:[^()'"\\\n]|'[^'\\\n]*'|"[^"\\\n]*"|\([^()'"\\\n]*\))*\))
    |(?P<type>,\s*dtype=\w+)
    |(?P<close>[\])}])
    |(?P<mark>[:,])
    )""",
    re.VERBOSE,
)
_WORDS = {
    "None": "null",
    "NaT": "null",
    "nan": "null",
    "True": "true",
    "False": "false",
    "inf": "Infinity",
    "-inf": "-Infinity",
}
# np.float64(1.0) is its number, Timestamp('2023-04-09') its text; another call is what it says.
_OF_ONE = re.compile(
    r"[\w.]+\((?P<value>-?[\d.]+(?:[eE][-+]?\d+)?|'[^']*'|\"[^\"]*\")(?:, tz=[^,]*)?\)"
)
_BRACKETS = {"[": ("[", "]"), "(": ("[", "]"), "{": ("{", "}"), "array(": ("", "")}
_CLOSES = {"[": "]", "(": ")", "{": "}", "array(": ")"}


def structured(text: str) -> Any:
    """Return the list or object that a text writes out; None if it does not."""
    for read in (str, _as_json):
        try:
            value = json.loads(read(text))
        except (ValueError, SyntaxError, RecursionError):
            continue
        return value if isinstance(value, list | dict) else None
    return None


def _as_json(text: str) -> str:
    """Turn a repr into JSON; ValueError where it is none.

    numpy leaves the commas between elements out, so one is put where a value follows a value.
    """
    written: list[str] = []
    open_brackets: list[str] = []
    place, ended = 0, False  # whether a value has just ended
    stripped = text.rstrip()
    while place < len(stripped):
        token = _TOKEN.match(stripped, place)
        if token is None:
            raise ValueError
        place, kind = token.end(), str(token.lastgroup)
        said = token[kind]
        if ended and kind in ("text", "word", "number", "open", "call"):
            written.append(",")
        if kind == "close":
            if not open_brackets or _CLOSES[open_brackets[-1]] != said:
                raise ValueError
            if written[-1] == ",":  # of a tuple of one
                written.pop()
            written.append(_BRACKETS[open_brackets.pop()][1])
        else:
            written.append(_translated(kind, said, open_brackets))
        ended = kind in ("text", "word", "number", "close", "type", "call")
    return "".join(written)


def _translated(kind: str, said: str, open_brackets: list[str]) -> str:
    if kind == "open":
        open_brackets.append(said)
        if len(open_brackets) > _DEEPEST:
            raise ValueError
        return _BRACKETS[said][0]
    if kind == "text":
        return json.dumps(ast.literal_eval(said))
    if kind == "word":
        return _WORDS[said]
    if kind == "number":
        return said if said[-1] != "." and "." not in said.lstrip("-")[:1] else repr(float(said))
    if kind == "call":
        one = _OF_ONE.fullmatch(said)
        return json.dumps(ast.literal_eval(one["value"]) if one else said)
    return "" if kind == "type" else said
