from __future__ import annotations

from pathlib import Path

import pytest

from flows.workshop import parts


def test_an_image_says_what_it_was_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no history; without this its evidence would name no code."""
    monkeypatch.setattr(parts, "CHECKOUT", tmp_path)
    assert parts.code_revision() == "unknown"
    (tmp_path / "REVISION").write_text("75d9676cded73d4493715d3524bd72d69537f4be\n")
    assert parts.code_revision() == "75d9676cded73d4493715d3524bd72d69537f4be"
    dockerfile = Path(__file__).resolve().parents[3] / "deploy/images/Dockerfile"
    assert 'RUN echo "${REVISION}" > REVISION' in dockerfile.read_text()
