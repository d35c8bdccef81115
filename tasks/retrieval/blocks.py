"""A document's blocks: headings, paragraphs, lists, tables and code, of Markdown or plain text.

Pure functions over strings. What is no Markdown is paragraphs between blank lines, and nothing of
it is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Literal, NamedTuple

Kind = Literal["paragraph", "list", "table", "code"]
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,9}[.)])[ \t]+\S")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_RULE = re.compile(r"[ \t]*\|?[ \t:|-]+\|[ \t:|-]*$")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=\S)|(?<=[。！？])|\n+")


class Block(NamedTuple):
    """A part that stays together if it fits; `headings` are those above it, outermost first."""

    kind: Kind
    headings: tuple[str, ...]
    text: str


def blocks(text: str) -> list[Block]:
    """Return a document's blocks in order. A heading with nothing below is a block itself."""
    found: list[Block] = []
    path: list[tuple[int, str]] = []
    bare = False  # the last heading has nothing below it yet
    for kind, lines in _parts(text.splitlines()):
        if kind == "heading":
            level, title = int(lines[0]), lines[1]
            if bare and level <= path[-1][0]:
                found.append(_alone(path))
            path = [entry for entry in path if entry[0] < level] + [(level, title)]
            bare = True
        else:
            found.append(Block(kind, tuple(title for _, title in path), "\n".join(lines)))
            bare = False
    if bare:
        found.append(_alone(path))
    return [block for block in found if block.text.strip()]


def units(block: Block) -> list[str]:
    """Return what a block is cut into where it does not fit: sentences, items, rows or lines."""
    lines = block.text.split("\n")
    if block.kind == "paragraph":
        return [part for part in _sentences(block.text) if part.strip()]
    if block.kind == "list":
        return ["\n".join(group) for group in _items(lines)]
    return [line for line in lines if line.strip()]


def table_head(block: Block) -> str:
    """Return a table's first row and the rule below it; they go before each part of a cut table."""
    lines = block.text.split("\n")
    if block.kind != "table" or len(lines) < 3 or not _RULE.match(lines[1]):
        return ""
    return "\n".join(lines[:2])


def _alone(path: list[tuple[int, str]]) -> Block:
    return Block("paragraph", tuple(title for _, title in path[:-1]), path[-1][1])


def _parts(lines: list[str]) -> Iterator[tuple[Kind | Literal["heading"], list[str]]]:
    """Yield (kind, lines); of a heading, its level and its words."""
    place = 0
    while place < len(lines):
        line = lines[place]
        if fence := _FENCE.match(line):
            end = _end_of_code(lines, place, fence[1])
            yield "code", lines[place:end]
        elif heading := _HEADING.match(line):
            yield "heading", [str(len(heading[1])), heading[2]]
            end = place + 1
        elif _is_underlined(lines, place):
            yield "heading", ["1" if "=" in lines[place + 1] else "2", line.strip()]
            end = place + 2
        elif not line.strip():
            end = place + 1
        else:
            kind, end = _end_of_block(lines, place)
            yield kind, lines[place:end]
        place = end


def _is_underlined(lines: list[str], place: int) -> bool:
    below = lines[place + 1] if place + 1 < len(lines) else ""
    line = lines[place]
    is_first = not place or not lines[place - 1].strip()
    plain = line.strip() and not _ITEM.match(line) and not _ROW.match(line)
    return bool(is_first and plain and _UNDERLINE.match(below))


def _end_of_code(lines: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
    for place in range(start + 1, len(lines)):
        if closing.match(lines[place]):
            return place + 1
    return len(lines)  # nobody closed it: the rest is code


def _end_of_block(lines: list[str], start: int) -> tuple[Kind, int]:
    if _ROW.match(lines[start]):
        return "table", _while(lines, start, lambda line: bool(_ROW.match(line)))
    if _ITEM.match(lines[start]):
        return "list", _while(lines, start, lambda line: bool(line.strip()) and _goes_on(line))
    return "paragraph", _while(
        lines,
        start,
        lambda line: bool(line.strip()) and _goes_on(line) and not _ITEM.match(line),
    )


def _goes_on(line: str) -> bool:
    return not (_HEADING.match(line) or _FENCE.match(line) or _ROW.match(line))


def _while(lines: list[str], start: int, holds: Callable[[str], bool]) -> int:
    end = start + 1
    while end < len(lines) and holds(lines[end]):
        end += 1
    return end


def _items(lines: list[str]) -> Iterator[list[str]]:
    """Yield the lines of each item, with those that go on below it."""
    number = 0
    numbered: list[tuple[int, str]] = []
    for line in lines:
        number += bool(_ITEM.match(line))
        numbered.append((number, line))
    for _, group in groupby(numbered, key=lambda one: one[0]):
        yield [line for _, line in group]


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]
