from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tasks.demo_desk.conversations import draw_conversations
from tasks.drift.judge import Judge
from tasks.drift.rows import Rows, rows_of
from tasks.drift.texts import exchanges
from tasks.drift.thresholds import Thresholds
from tasks.models.embedding import load_embedder, packaged_minilm


@pytest.fixture(scope="session")
def embed() -> Any:
    """The real encoder; a text seen before is not encoded again."""
    import numpy as np

    encode = load_embedder(packaged_minilm())
    known: dict[str, Any] = {}

    def cached(texts: Sequence[str]) -> Any:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(fresh, encode(fresh) if fresh else [], strict=True))
        return np.stack([known[text] for text in texts])

    return cached


@pytest.fixture(scope="session")
def trained() -> list[tuple[str, str]]:
    """What the demo's champion was trained on."""
    return [
        pair for rows in draw_conversations(7).values() for row in rows for pair in exchanges(row)
    ]


@pytest.fixture(scope="session")
def reference(trained: list[tuple[str, str]], embed: Any) -> Rows:
    """The same as the signals see it."""
    return rows_of(trained, embed)


@pytest.fixture(scope="session")
def judge(reference: Rows) -> Judge:
    """One that knows it."""
    return Judge(reference, reference.take([]), Thresholds().budget, 0)  # pyright: ignore[reportCallIssue]
