"""A champion's answers are compared with its own first ones, not with what it learned from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from tasks.demo_desk.inference_log import draw_log
from tasks.drift.answers import FEWEST, own_answers, read_answers
from tasks.drift.attribution import Served
from tasks.drift.comparison import NOT_YET, DriftReport, compare
from tasks.drift.judge import Judge
from tasks.drift.rows import Rows, rows_of
from tasks.storage.objects import open_store
from tasks.storage.outputs import Outputs, Reference

NAME = "desk"
SERVED = Served(
    name=NAME, version=2, digest="d" * 64, since=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
)
Pairs = list[tuple[str, str]]


def _asked(seed: int, answer: Callable[[int, str], str], *, drifted: bool = False) -> Pairs:
    rows = draw_log("2026-03-01T14", drifted=drifted, rows=200, seed=seed)
    return [(row.prompt, answer(n, row.answer)) for n, row in enumerate(rows)]


def _wordy(_: int, answer: str) -> str:
    return f"Yes. {answer * 2}"


def _declining(number: int, answer: str) -> str:
    """A third of the answers decline, where the data it learned from answer."""
    return "I don't know." if number % 3 == 0 else answer


def _silent(_: int, __: str) -> str:
    return "I don't know."


def _learned(_: int, answer: str) -> str:
    return answer


@pytest.fixture(scope="module")
def first(embed: Any) -> Callable[[Callable[[int, str], str]], Rows]:
    return lambda answer: rows_of(_asked(100, answer), embed)


@pytest.mark.parametrize("style", [_wordy, _declining])
def test_who_answers_as_ever_does_not_drift(
    judge: Judge, embed: Any, first: Any, style: Callable[[int, str], str]
) -> None:
    verdicts = [compare(judge, _asked(seed, style), embed, first(style)) for seed in range(4)]
    assert [one.status for one in verdicts] == ["quiet"] * 4
    learned = compare(judge, _asked(0, style), embed)  # with what it learned from
    assert learned.status == "drifted"


def test_who_begins_to_answer_otherwise_does(judge: Judge, embed: Any, first: Any) -> None:
    def found(before: Any, now: Any) -> DriftReport:
        return compare(judge, _asked(1, now), embed, first(before))

    silent = found(_wordy, _silent)
    assert {one.name for one in silent.signals if one.drifted} >= {"answer length", "declined"}
    better = found(_declining, _learned)
    assert {one.name for one in better.signals if one.drifted} >= {"declined"}


def test_until_its_answers_are_known_nothing_is_said_of_them(judge: Judge, embed: Any) -> None:
    quiet = compare(judge, _asked(0, _wordy), embed, answers_known=False)
    assert quiet.status == "quiet" and quiet.p_value is not None and quiet.p_value > 0.01
    assert quiet.reason == f"0 of 5 signals drifted (none); {NOT_YET}"
    asked = _asked(0, _wordy, drifted=True)
    assert compare(judge, asked, embed, answers_known=False).status == "drifted"


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(open_store(str(tmp_path / "store")), tmp_path / "work")


def _write(outputs: Outputs, window: str, rows: int, version: str = "2") -> None:
    drawn = draw_log(window, drifted=False, rows=rows, seed=int(window[-2:]), model=NAME)
    told: list[LogRow] = [row.model_copy(update={"version": version}) for row in drawn]
    outputs.store.write(window_key(NAME, window), log_bytes(told))


def _known(outputs: Outputs, windows: list[str], embed: Any) -> Any:
    def redact(pairs: Pairs) -> Any:
        return [SimpleNamespace(texts=pair) for pair in pairs]

    redactor = SimpleNamespace(redact_records=redact)
    reference = Reference(stage="drift-reference", key="drift-reference/r", digest="r" * 64)
    return own_answers(
        outputs, NAME, windows, SERVED, reference, {"a": 1}, lambda: redactor, lambda: embed
    )


def test_its_first_windows_with_enough_answers_stay_the_first(outputs: Outputs, embed: Any) -> None:
    windows = [f"2026-03-01T{hour:02d}" for hour in (8, 9, 10, 11, 12)]
    _write(outputs, windows[0], 300, version="1")  # another's
    _write(outputs, windows[1], 90)
    _write(outputs, windows[2], 80)
    assert _known(outputs, windows[:3], embed) is None  # 170 of 200
    _write(outputs, windows[3], 120)
    _write(outputs, windows[4], 500)
    answers = _known(outputs, windows, embed)
    assert answers.windows == tuple(windows[1:4])
    assert len(read_answers(outputs, answers)) == 290 >= FEWEST
    _write(outputs, windows[1], 10)  # whatever becomes of the log
    assert _known(outputs, windows[3:], embed) == answers


def test_windows_that_are_older_than_the_champion_count_where_none_is_newer(
    outputs: Outputs, embed: Any
) -> None:
    windows = ["2026-02-20T08", "2026-02-20T09"]
    for window in windows:
        _write(outputs, window, 150)
    assert _known(outputs, windows, embed).windows == tuple(windows)
