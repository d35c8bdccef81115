"""What a text is to the drift signals: its words and its length.

Pure functions over strings; needs nothing and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from data_contracts.records import Message
from tasks.redaction.kinds import PLACEHOLDER

_WORD = re.compile(r"<[A-Z_]+>|\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")


def plain(text: str) -> str:
    """Drop the numbers of redaction placeholders: which number a value got is not content."""
    return PLACEHOLDER.sub(r"<\1>", text).replace("’", "'")


def words(text: str) -> list[str]:
    """Return a text's words in lower case; every number counts as the one word `#`."""
    found = _WORD.findall(text)
    return ["#" if word[0].isdigit() else _folded(word) for word in found]


def exchanges(messages: Iterable[Message]) -> list[tuple[str, str]]:
    """Return each question with the answer that follows it: what one request of a log holds."""
    pairs: list[tuple[str, str]] = []
    question = ""
    for message in messages:
        if message.role == "user":
            question = message.content
        elif message.role == "assistant" and question:
            pairs.append((question, message.content))
            question = ""
    return pairs


def _folded(word: str) -> str:
    return word if word.startswith("<") else word.casefold()
