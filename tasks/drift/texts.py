"""What a text is to the drift signals: its words, its length, whether it declines to answer.

Pure functions over strings; needs nothing and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from data_contracts.records import Message

_PLACEHOLDER = re.compile(r"<([A-Z][A-Z_]*)_\d+>")
_WORD = re.compile(r"<[A-Z_]+>|\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_NEGATED = r"(?:do not|don't|cannot|can't|can not|could not|couldn't|am not able to|won't|will not)"
_DECLINES = re.compile(
    rf"\b(?:i|we)(?:'m| am)? (?:sorry,? (?:but )?(?:i|we) )?{_NEGATED} "
    r"(?:have (?:that|this|any|enough|the)\b|know\b|help\b|assist\b|answer\b|provide\b|share\b"
    r"|give\b|tell\b|do that\b)"
    r"|\b(?:i'm|i am|we're|we are) (?:not able to|unable to|not sure)\b"
    r"|\bas an ai\b"
    r"|\bno information (?:about|on)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Drop the numbers of redaction placeholders: which number a value got is not content."""
    return _PLACEHOLDER.sub(r"<\1>", text).replace("’", "'")


def words(text: str) -> list[str]:
    """Return a text's words in lower case; every number counts as the one word `#`."""
    found = _WORD.findall(text)
    return ["#" if word[0].isdigit() else _folded(word) for word in found]


def declines(text: str) -> bool:
    """Tell whether an answer abstains or refuses, going by its English wording."""
    return _DECLINES.search(text) is not None


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
