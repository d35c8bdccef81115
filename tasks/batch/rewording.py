"""A model's answer that holds other wordings, one on each line, read as those wordings. Pure."""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"^\s*(?:\(?\d{1,2}[.):]|[-*•])\s*")
_QUOTES = "\"'“”‘’«»"


def wordings(text: str, *, whole: bool) -> list[str]:
    """Return an answer's lines without numbers, bullets and quotation marks.

    Not `whole`: the answer was cut, and so was its last line, which is left out.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not whole:
        lines = lines[:-1]
    plain = (_NUMBERED.sub("", line).strip().strip(_QUOTES).strip() for line in lines)
    return [line for line in plain if line]
