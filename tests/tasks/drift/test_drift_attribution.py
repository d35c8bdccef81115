from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_contracts.inference_log import LogRow
from tasks.drift.attribution import Served, why_not

SINCE = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
SERVED = Served(name="bells", version=3, digest="0123456789abcdef" * 4, since=SINCE)


def _left_out(model: str, minute: int, version: str = "") -> str:
    row = LogRow(
        id="r",
        time=SINCE.replace(minute=minute),
        model=model,
        prompt="What does it cost?",
        answer="",
        version=version,
    )
    return why_not(row, SERVED)


@pytest.mark.parametrize("model", ["bells", "Bells", "bells@champion", "models:/bells@champion"])
def test_a_row_that_names_no_version_is_the_champions_from_its_release_on(model: str) -> None:
    assert _left_out(model, 30) == ""
    assert _left_out(model, 29) == "from before the champion served"


@pytest.mark.parametrize("model", ["bells/3", "bells@3", "bells:v3", "models:/bells/3"])
def test_a_row_that_names_a_version_is_that_versions_whenever_it_was(model: str) -> None:
    assert _left_out(model, 0) == ""
    assert _left_out(model.replace("3", "2"), 59) == "of another version"
    assert _left_out("bells", 0, "3") == ""
    assert _left_out(model, 59, "2") == "of another version"


def test_a_digest_names_a_version_and_other_words_do_not() -> None:
    assert _left_out("bells", 0, SERVED.digest) == ""
    assert _left_out(SERVED.digest[:12], 0) == ""
    assert _left_out("bells", 59, "f" * 64) == "of another version"
    assert _left_out("bells", 59, "build 1.2.0") == ""


@pytest.mark.parametrize("model", ["bell", "bells-2", "acme/bells", "f" * 64, ""])
def test_a_row_of_another_model_is_none_of_the_champions(model: str) -> None:
    assert _left_out(model, 59, "3") == "of another model"
