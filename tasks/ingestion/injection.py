"""Finds text that gives orders to a model: prompt injection, jailbreaks, requests for its prompt.

The patterns stand in `injection.toml`; they run over the plain text and over what common disguises
hide, one Hyperscan pass each, about 9 MB/s on one core.

A pattern knows phrases, not intent. Of 118 attacks that others collected (a bit more than half of
them seen while the patterns were written) it finds 85: all 19 direct ones, 85 % of the half that
was seen and 57 % of the other; mostly missed are orders hidden in a polite sentence and in rare
encodings. False alarms: 3 in 135,587 chat messages, none in 23,700 requests to an assistant.
Needs Hyperscan. Writes nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
import tomllib
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_RUN = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,}")
_SPACED = re.compile(r"\b(?:\w[ .\-]){4,}\w\b")
_LEET_WORD = re.compile(r"\b(?=\w*[0134578@$])(?=\w*[a-z])[\w@$]{3,}\b", re.IGNORECASE)
_LEET = str.maketrans("0134578@$", "oieastbas")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_LEET_WORDS = 3  # so many words with digits in them make a disguise; fewer are order numbers


class InjectionFinder:
    """The patterns, compiled once (half a second); safe to call from several threads."""

    def __init__(self) -> None:
        import hyperscan

        patterns = _patterns()
        self._local = threading.local()
        self._names = [name for name, _ in patterns]
        self._database: Any = hyperscan.Database()
        flags = hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH
        self._database.compile(
            expressions=[_folded(pattern).encode() for _, pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[flags] * len(patterns),
        )

    def find(self, text: str) -> str:
        """Return the name of the first pattern that fits, or ""."""
        for view in _views(text):
            hits: list[int] = []

            def note(number: int, _start: int, _end: int, _flags: int, found: list[int]) -> None:
                found.append(number)

            data = _folded(view).encode("utf-8", "replace")
            self._database.scan(data, note, context=hits, scratch=self._scratch())
            if hits:
                return self._names[min(hits)]
        return ""

    def _scratch(self) -> Any:
        """Return this thread's scratch space: Hyperscan refuses one that is in use."""
        if not hasattr(self._local, "scratch"):
            self._local.scratch = self._database.scratch.clone()
        return self._local.scratch


def patterns_digest() -> str:
    """Return the sha256 (hex) of the patterns as they run."""
    return hashlib.sha256(repr(_patterns()).encode()).hexdigest()


def _patterns() -> list[tuple[str, str]]:
    """Return (name, expression) in the order of the file."""
    text = files("tasks.ingestion").joinpath("injection.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    patterns = [(name, one) for name, group in table["patterns"].items() for one in group]
    for word, meaning in table["words"].items():
        patterns = [(name, one.replace(f"{{{word}}}", meaning)) for name, one in patterns]
    return patterns


def _views(text: str) -> Iterator[str]:
    """Yield the text without what hides it, then what each disguise in it may say."""
    plain = text if text.isascii() else _HIDDEN.sub("", text)
    yield plain
    if not text.isascii():
        for run in _TAGS.findall(text):
            yield "".join(chr(ord(letter) - 0xE0000) for letter in run)  # invisible ASCII
    if "%20" in plain:
        yield unquote(plain)
    if "\\u00" in plain:
        yield _ESCAPED.sub(lambda match: chr(int(match[1], 16)), plain)
    yield from _decoded(plain)
    if _SPACED.search(plain):
        yield _SPACED.sub(lambda match: re.sub(r"[ .\-]", "", match[0]), plain)
    if len(_LEET_WORD.findall(plain)) >= _LEET_WORDS:
        yield plain.translate(_LEET)


def _folded(text: str) -> str:
    """Return a text in small letters, full-width ones made plain, without accents."""
    text = text.lower()
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _decoded(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        try:
            yield base64.b64decode(run + "=" * (-len(run) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    for run in _HEX.findall(text):
        try:
            yield bytes.fromhex(run).decode()
        except UnicodeDecodeError:
            continue
