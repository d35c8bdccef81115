"""Rows to measure ingestion with: real sentences, put together anew so that no two rows are alike.

Needs the shared data beside the checkout.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase

CHATS = Path(__file__).resolve().parents[4] / "shared/data/chitchat/conversations.jsonl.gz"
SHINGLE = 3  # words, as in tasks.ingestion.similarity, but counted here on its own


def sentences() -> list[str]:
    """Return what people said in the real conversations."""
    with gzip.open(CHATS, "rt", encoding="utf-8") as file:
        return [turn["content"] for line in file for turn in json.loads(line)["messages"]]


def write_rows(path: Path, count: int, seed: int) -> Path:
    """Write `count` documents, each of six sentences drawn at random."""
    said, draw = sentences(), random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            file.write(json.dumps({"text": " ".join(draw.choices(said, k=6))}) + "\n")
    return path


def write_planted(path: Path, count: int, seed: int) -> list[tuple[int, float]]:
    """Write documents, each followed at the end by a copy that was edited.

    Returns (line, exact Jaccard index with its original) of every copy.
    """
    said, draw = sentences(), random.Random(seed)
    texts = [" ".join(draw.choices(said, k=6)) for _ in range(count)]
    copies = [_edited(text.split(), draw.randrange(1, 13), draw) for text in texts]
    with path.open("w", encoding="utf-8") as file:
        for text in [*texts, *copies]:
            file.write(json.dumps({"text": text}) + "\n")
    alike = [_jaccard(text, copy) for text, copy in zip(texts, copies, strict=True)]
    return [(count + number, share) for number, share in enumerate(alike, 1)]


def _edited(words: Sequence[str], edits: int, draw: random.Random) -> str:
    changed = list(words)
    for place in draw.sample(range(len(changed)), min(edits, len(changed))):
        changed[place] = "edit" + "".join(draw.choices(ascii_lowercase, k=6))
    return " ".join(changed)


def _jaccard(one: str, other: str) -> float:
    ours, theirs = set(_shingles(one)), set(_shingles(other))
    return len(ours & theirs) / len(ours | theirs)


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    return zip(*(words[start:] for start in range(SHINGLE)), strict=False)
