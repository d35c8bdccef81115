"""Cuts a document into chunks that an encoder reads whole: blocks stay together where they fit.

A chunk never has more tokens than it may, with the two at the ends and the headings above it, which
are encoded with it. A block that does not fit is cut into parts of like size between sentences,
items, rows (a table's head stands before each part) or lines, then between words, and a word within
itself. Pure functions; tokens are counted by who is given.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import Field, model_validator

from data_contracts.records import Frozen
from tasks.retrieval.blocks import Block, blocks, table_head, units

Count = Callable[[Sequence[str]], list[int]]
ENDS = 2  # tokens that mark a text's ends
_JOINTS = {"paragraph": "", "list": "\n", "table": "\n", "code": "\n"}
_WORD = re.compile(r"\S+\s*")


class Chunking(Frozen):
    """How documents are cut: tokens a chunk may have (of the encoder, all counted), and overlap.

    `overlap` is how many tokens of the end of one part of a cut block the next one repeats.
    """

    tokens: int = Field(default=128, ge=32, le=512)
    overlap: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _overlap_leaves_room(self) -> Chunking:
        if self.overlap > self.tokens // 4:
            raise ValueError("overlap may be a quarter of the tokens of a chunk at most")
        return self


class Chunk(NamedTuple):
    """A passage: the headings above it, outermost first, its text, and where it comes from.

    `tokens` is how many its `encoded` text has, those at the ends counted.
    """

    id: str
    document: str
    source: str
    line: int
    headings: tuple[str, ...]
    text: str
    tokens: int

    @property
    def encoded(self) -> str:
        """Return what is encoded: the headings, and the text."""
        return encoded(self.headings, self.text)


class _Piece(NamedTuple):
    """A block, or a part of one, with its tokens."""

    headings: tuple[str, ...]
    text: str
    tokens: int


def encoded(headings: Sequence[str], text: str) -> str:
    """Return a chunk's text with its headings before it."""
    return f"{' / '.join(headings)}\n{text}" if headings else text


def chunk_document(
    document: str, source: str, line: int, text: str, chunking: Chunking, count: Count
) -> list[Chunk]:
    """Return a document's chunks in order.

    A chunk's id is of its source, headings and text (and which of several equal ones of the source
    it is), so that it stays when other parts of the document change.
    """
    found = [block for block in blocks(text)]
    paths = _fitting_paths(found, chunking, count)
    rooms = {path: chunking.tokens - ENDS - used for path, used in paths.values()}
    sizes = count([block.text for block in found])
    pieces: list[_Piece] = []
    for block, size in zip(found, sizes, strict=True):
        path, _ = paths[block.headings]
        for part, tokens in _parts(block, size, rooms[path], chunking.overlap, count):
            pieces.append(_Piece(path, part, tokens))
    packed = _packed(pieces, rooms)
    tokens = count([encoded(path, part) for path, part in packed])
    seen: Counter[str] = Counter()
    chunks: list[Chunk] = []
    for (path, part), size in zip(packed, tokens, strict=True):
        digest = _digest(source, path, part)
        seen[digest] += 1
        number = f"-{seen[digest]}" if seen[digest] > 1 else ""
        chunks.append(Chunk(f"{digest}{number}", document, source, line, path, part, size + ENDS))
    return chunks


def _digest(source: str, path: Sequence[str], text: str) -> str:
    return hashlib.sha256("\x1f".join([source, *path, text]).encode()).hexdigest()[:20]


def _fitting_paths(
    found: Sequence[Block], chunking: Chunking, count: Count
) -> dict[tuple[str, ...], tuple[tuple[str, ...], int]]:
    """Return, by headings, the innermost of them that leave three quarters of a chunk, and their
    tokens."""
    most = chunking.tokens // 4
    given = list(dict.fromkeys(block.headings for block in found))
    tails = {path: [path[start:] for start in range(len(path))] for path in given}
    every = list(dict.fromkeys(tail for path in given for tail in tails[path]))
    sizes = dict(zip(every, count([encoded(tail, "") for tail in every]), strict=True))
    fitting: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
    for path in given:
        fits = next((tail for tail in tails[path] if sizes[tail] <= most), ())
        fitting[path] = (fits, sizes.get(fits, 0))
    return fitting


def _parts(block: Block, size: int, room: int, overlap: int, count: Count) -> list[tuple[str, int]]:
    """Return a block whole if it fits, else in parts of like size, each with its tokens."""
    if size <= room:
        return [(block.text, size)]
    head, joint = table_head(block), _JOINTS[block.kind]
    lines = units(block)
    used = 0
    if head:
        used = count([head])[0]
        if used > room // 2:
            head, used = "", 0
        else:
            lines = lines[2:]
    capacity = room - used - overlap
    small = _small_enough(lines, capacity, joint, count)
    total = sum(tokens for _, tokens in small)
    target = math.ceil(total / math.ceil(total / capacity)) if total else capacity
    target = min(capacity, target + max((tokens for _, tokens in small), default=0) // 2)
    groups = _grouped(small, target)
    parts: list[tuple[str, int]] = []
    for number, group in enumerate(groups):
        again = _last(groups[number - 1], overlap) if number and overlap else []
        whole = [*again, *group]
        body = joint.join(text for text, _ in whole)
        tokens = used + sum(one for _, one in whole)
        parts.append((f"{head}\n{body}" if head else body.rstrip(), tokens))
    return parts


def _small_enough(
    lines: Sequence[str], capacity: int, joint: str, count: Count
) -> list[tuple[str, int]]:
    """Return the units with their tokens; those that do not fit cut between, or within, words."""
    found: list[tuple[str, int]] = []
    for line, size in zip(lines, count(lines), strict=True):
        if size <= capacity:
            found.append((line, size))
            continue
        words = _WORD.findall(line)
        whole = [
            part
            for word, tokens in zip(words, count(words), strict=True)
            for part in _within(word, tokens, capacity, count)
        ]
        if joint:  # they are lines: what is cut within one is put together here
            whole = [
                ("".join(text for text, _ in group), sum(tokens for _, tokens in group))
                for group in _grouped(whole, capacity)
            ]
        found += whole
    return found


def _within(word: str, tokens: int, capacity: int, count: Count) -> list[tuple[str, int]]:
    """Return a word in parts that fit."""
    if tokens <= capacity or len(word) == 1:
        return [(word, tokens)]
    size = max(1, len(word) * capacity // (tokens * 2))
    parts = [word[start : start + size] for start in range(0, len(word), size)]
    return [
        one
        for part, own in zip(parts, count(parts), strict=True)
        for one in _within(part, own, capacity, count)
    ]


def _grouped(small: Sequence[tuple[str, int]], most: int) -> list[list[tuple[str, int]]]:
    groups: list[list[tuple[str, int]]] = []
    room = -1
    for unit in small:
        if unit[1] > room or not groups:
            groups.append([])
            room = most
        groups[-1].append(unit)
        room -= unit[1]
    return groups


def _last(group: Sequence[tuple[str, int]], overlap: int) -> list[tuple[str, int]]:
    taken: list[tuple[str, int]] = []
    for unit in reversed(group):
        if unit[1] > overlap:
            break
        taken.insert(0, unit)
        overlap -= unit[1]
    return taken


def _packed(
    pieces: Sequence[_Piece], rooms: dict[tuple[str, ...], int]
) -> list[tuple[tuple[str, ...], str]]:
    """Put neighbours under the same headings together, as far as they fit."""
    packed: list[tuple[tuple[str, ...], str]] = []
    room = 0
    for piece in pieces:
        if packed and packed[-1][0] == piece.headings and piece.tokens <= room:
            packed[-1] = (piece.headings, f"{packed[-1][1]}\n\n{piece.text}")
        else:
            packed.append((piece.headings, piece.text))
            room = rooms[piece.headings]
        room -= piece.tokens
    return packed
