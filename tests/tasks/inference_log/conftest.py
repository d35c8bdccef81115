from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.objects import LocalStore, ObjectStore

Row = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="session")
def row() -> Callable[..., Row]:
    """Return a function: a row of the log by its number, at an hour of 2026-03-01."""

    def make(number: int, hour: int = 14, **other: Any) -> Row:
        return {
            "id": f"r{number}",
            "time": f"2026-03-01T{hour:02d}:{number % 60:02d}:00Z",
            "model": "desk",
            "version": 3,
            "prompt": f"What does number {number} cost?",
            "answer": f"It costs {number} euros.",
            **other,
        }

    return make


@pytest.fixture(scope="session")
def write_log() -> Callable[..., None]:
    """Return a function that writes a file of the log; a text stands for a broken line."""

    def write(store: ObjectStore, file: str, *rows: Row | str) -> None:
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        store.write(f"inference/desk/{file}", "".join(f"{line}\n" for line in lines).encode())

    return write
