"""What Hyperscan compiled is found again, and what was damaged is compiled anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.redaction.matching import compiled
from tasks.redaction.matching.triggers import Batch, Trigger, Triggers

TEXTS = ["call 555", "nothing here", "a key: 9"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    compiled.keep_compiled(tmp_path / "kept")
    yield tmp_path / "kept"
    compiled._folder.clear()  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many expressions each compilation had."""
    made: list[int] = []
    original = compiled._compile  # pyright: ignore[reportPrivateUsage]

    def compile_and_count(numbered: Any) -> Any:
        made.append(len(numbered))
        return original(numbered)

    monkeypatch.setattr(compiled, "_compile", compile_and_count)
    return made


def found() -> list[Any]:
    triggers = Triggers([Trigger("[0-9]+", 3, needs_digit=True), Trigger("key", 3)])
    return triggers.rows(Batch(TEXTS))


def test_what_was_compiled_is_kept_privately_and_found(
    folder: Path, compilations: list[int]
) -> None:
    first = found()
    assert first[0] and first[2] and not first[1]
    assert 2 in compilations
    files = list(folder.iterdir())
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in [*files, folder]} == {0o600, 0o700}
    compilations.clear()
    assert found() == first
    assert set(compilations) == {1}  # what tells the processor; the wordy ones are kept too
    assert sorted(folder.iterdir()) == sorted(files)


@pytest.mark.parametrize("cut", [0, 10, 100, -1])
def test_what_was_cut_or_changed_is_compiled_anew(
    folder: Path, compilations: list[int], cut: int
) -> None:
    first = found()
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    for path, content in whole.items():
        path.write_bytes(content[:cut] if cut >= 0 else content[:-1] + b"?")
    compilations.clear()
    assert found() == first
    assert 2 in compilations
    assert {path: path.read_bytes()[32:] for path in folder.iterdir()} == {
        path: content[32:] for path, content in whole.items()
    }


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    expected = found()
    (tmp_path / "file").write_text("")
    compiled.keep_compiled(tmp_path / "file" / "kept")
    try:
        assert found() == expected
    finally:
        compiled._folder.clear()  # pyright: ignore[reportPrivateUsage]
