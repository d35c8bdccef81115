from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import PaddockError
from data_contracts.inference_log import log_bytes
from tasks.demo_desk.inference_log import draw_log
from tasks.drift.attribution import Served
from tasks.drift.comparison import WindowReport, compare_window
from tasks.drift.judge import Judge
from tasks.drift.log import WindowLog
from tasks.drift.report import markdown, read_report, write_report
from tasks.drift.rows import Rows, rows_of
from tasks.drift.thresholds import Thresholds
from tests.tasks.drift.reading import parse_window

LIMITS = Thresholds()  # pyright: ignore[reportCallIssue]
WINDOW = "2026-03-01T14"
Pairs = list[tuple[str, str]]


def _log(
    drifted: bool, rows: int = 200, seed: int = 0, broken: int = 0, served: Served | None = None
) -> WindowLog:
    data = log_bytes(draw_log(WINDOW, drifted=drifted, rows=rows, seed=seed))
    return parse_window(WINDOW, [("hour.jsonl", data + b"broken\n" * broken)], served)


def _judge(reference: Rows) -> Judge:
    return Judge(reference, reference.take([]), LIMITS.budget, 0)


def _compare(judge: Judge, log: WindowLog, embed: Any, redact: Any = list) -> WindowReport:
    return compare_window(
        judge.reference,
        log,
        judge=lambda: judge,
        redact=redact,
        embed=embed,
        thresholds=LIMITS,
    )


def test_quiet_windows_are_quiet_and_drifted_ones_drift(judge: Judge, embed: Any) -> None:
    verdicts = {
        drifted: [
            _compare(judge, _log(drifted, rows, seed), embed).result.status
            for seed in range(4)
            for rows in (60, 200)
        ]
        for drifted in (False, True)
    }
    assert verdicts == {False: ["quiet"] * 8, True: ["drifted"] * 8}


def test_answers_of_another_length_are_drift(judge: Judge, embed: Any) -> None:
    quiet = _log(drifted=False)
    wordy = [row.model_copy(update={"answer": "Yes. " + row.answer * 2}) for row in quiet.rows]
    result = _compare(judge, quiet.model_copy(update={"rows": tuple(wordy)}), embed).result

    fired = {signal.name for signal in result.signals if signal.drifted}
    assert fired == {"answer length", "repetition"}
    assert result.status == "drifted"
    assert result.p_value == pytest.approx(1 / 2001, abs=1e-5)


def test_a_desk_that_knows_nothing_any_more_is_drift(judge: Judge, embed: Any) -> None:
    quiet = _log(drifted=False)
    silent = [row.model_copy(update={"answer": "I don't know."}) for row in quiet.rows]
    result = _compare(judge, quiet.model_copy(update={"rows": tuple(silent)}), embed).result

    fired = {signal.name for signal in result.signals if signal.drifted}
    assert fired == {"answer length", "declined"}
    assert result.status == "drifted"


@pytest.mark.parametrize(
    ("rows", "broken", "status", "reason"),
    [
        (49, 0, "not_enough_data", "the window has 49 rows"),
        (200, 60, "unreadable", "60 of 260 rows cannot be read (60 bad JSON)"),
    ],
)
def test_too_little_data_is_said_and_is_not_quiet(
    rows: int, broken: int, status: str, reason: str, judge: Judge, embed: Any, tmp_path: Path
) -> None:
    report = _compare(judge, _log(True, rows, broken=broken), embed)
    counts = write_report(report, tmp_path)

    assert report.result.status == status
    assert reason in report.result.reason
    assert "nothing is known" in (tmp_path / "report.md").read_text()
    assert (counts["drifted"], counts["enough_data"]) == (0, 0)


def test_an_empty_log_and_a_small_reference_are_too_little_data(
    judge: Judge, trained: Pairs, embed: Any
) -> None:
    assert (
        _compare(judge, parse_window(WINDOW, [("hour.jsonl", b"")]), embed).result.status
        == "not_enough_data"
    )
    small = _compare(_judge(rows_of(trained[:20], embed)), _log(False), embed)
    assert "the reference has 20 rows" in small.result.reason


def test_the_log_is_redacted_before_it_is_compared(trained: Pairs, embed: Any) -> None:
    def redact(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
        return [["<PERSON_3> asks for <EMAIL_1>", answer] for _, answer in pairs]

    ours = [("<PERSON_1> asks for <EMAIL_2>", answer) for _, answer in trained]
    judge = _judge(rows_of(ours, embed))
    report = _compare(judge, _log(True), embed, redact)
    by_name = {signal.name: signal.statistic for signal in report.result.signals}
    assert by_name["vocabulary"] == pytest.approx(0, abs=0.01)
    assert by_name["new topics"] == by_name["personal data"] == 0
    assert report.result.new_words == ()


def test_the_same_window_gives_the_same_files(judge: Judge, embed: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(_compare(judge, _log(True), embed), tmp_path / name)
    for name in ("report.json", "report.md", "report.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert read_report(tmp_path / "one").result.status == "drifted"
    page = (tmp_path / "one" / "report.md").read_text()
    assert "brochure" in page
    assert not any(row.prompt in page for row in _log(True).rows)


def test_a_broken_embedding_model_is_an_error_and_not_a_verdict(
    judge: Judge, trained: Pairs, embed: Any
) -> None:
    import numpy as np

    def broken(texts: Sequence[str]) -> Any:
        return np.full((len(texts), 384), np.nan, dtype=np.float32)

    with pytest.raises(PaddockError, match="NaN"):
        _compare(judge, _log(False), broken)
    with pytest.raises(PaddockError, match="NaN"):
        _compare(_judge(rows_of(trained, broken)), _log(False), embed)


def test_rows_that_another_version_answered_are_no_evidence(judge: Judge, embed: Any) -> None:
    since = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    served = Served(name="demo", version=2, digest="d" * 64, since=since)
    mixed = _log(drifted=True, served=served)  # half of them are from before
    report = _compare(judge, mixed, embed)
    assert (report.rows, report.left_out) == (100, {"from before the champion served": 100})
    assert report.result.status == "drifted"
    assert "Left out: 100 from before the champion served." in markdown(report)

    late = served.model_copy(update={"since": since.replace(minute=55)})
    result = _compare(judge, _log(drifted=True, served=late), embed).result
    assert result.status == "not_enough_data"
    assert "the window has 16 rows; 50 are needed; left out: 184 from before" in result.reason


def test_a_log_of_another_model_alone_is_said_to_be_unreadable(judge: Judge, embed: Any) -> None:
    served = Served(name="desk", version=2, digest="d" * 64, since=datetime(2026, 1, 1, tzinfo=UTC))
    result = _compare(judge, _log(drifted=True, served=served), embed).result
    assert result.status == "unreadable"
    assert result.reason == "all of its 200 rows are of another model"
