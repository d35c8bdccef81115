"""Tenants are judged by themselves, and a large window by a sample of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from data_contracts.inference_log import log_bytes
from tasks.demo_desk.inference_log import draw_log
from tasks.drift.comparison import DriftReport, WindowReport, compare_window
from tasks.drift.judge import Judge
from tasks.drift.log import place_of
from tasks.drift.report import markdown
from tasks.drift.tenants import discoveries
from tasks.drift.thresholds import Thresholds
from tests.tasks.drift.reading import parse_window

LIMITS = Thresholds()  # pyright: ignore[reportCallIssue]
WINDOW = "2026-03-01T14"


def test_of_many_tests_so_many_stand_as_benjamini_and_hochberg_have_it() -> None:
    # The example of their paper: of fifteen p-values four stand at .05.
    fifteen = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    fifteen += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert discoveries(fifteen) == [True] * 4 + [False] * 11
    assert discoveries(fifteen[::-1]) == [False] * 11 + [True] * 4
    # A larger one that stands takes smaller ones along which would not stand alone.
    assert discoveries([0.04, 0.045]) == [True, True]
    assert discoveries([]) == []


def _report(judge: Judge, embed: Any, tenants: Sequence[tuple[str, bool, int]]) -> WindowReport:
    rows = [
        row.model_copy(update={"tenant": name, "id": f"{name}{row.id}"})
        for number, (name, drifted, count) in enumerate(tenants)
        for row in draw_log(WINDOW, drifted=drifted, rows=count, seed=number)
    ]
    return compare_window(
        judge.reference,
        parse_window(WINDOW, [("jsonl", log_bytes(rows))]),
        judge=lambda: judge,
        redact=list,
        embed=embed,
        thresholds=LIMITS,
    )


def _apart(result: DriftReport) -> list[str]:
    return [one.tenant for one in result.tenants if one.drifted]


def test_a_tenant_that_asks_otherwise_is_named(judge: Judge, embed: Any) -> None:
    quiet = [(f"team-{number}", False, 90) for number in range(5)]
    assert _apart(_report(judge, embed, quiet).result) == []
    report = _report(judge, embed, [*quiet, ("alps", True, 60), ("few", True, 20)])
    assert _apart(report.result) == ["alps"]
    assert [one.tenant for one in report.result.tenants][-1] == "alps"
    assert "tenants that part (alps: new topics" in report.result.reason
    assert "| alps | 60 | 0.0005 | new topics" in markdown(report)
    assert "| team-0 | 90 |" in markdown(report)


def test_a_window_of_one_tenant_has_no_parts(judge: Judge, embed: Any) -> None:
    assert _report(judge, embed, [("alps", True, 60)]).result.tenants == ()


def test_of_many_rows_a_random_sample_is_held_and_all_are_counted() -> None:
    rows = draw_log(WINDOW, drifted=False, rows=400)
    lines = [json.dumps(json.loads(row.model_dump_json()) | {"seconds": 1}) for row in rows]
    text = "\n".join(lines).encode()
    log = parse_window(WINDOW, [("jsonl", text + b"\n")], most=50)
    assert (log.total, len(log.rows), log.measured.rows) == (400, 50, 400)
    assert sum(log.measured.seconds.values()) == 400
    every = parse_window(WINDOW, [("jsonl", text + b"\n")])
    assert (every.total, len(every.rows)) == (400, 400)
    lowest = sorted(every.rows, key=place_of)
    assert {row.id for row in log.rows} == {row.id for row in lowest[:50]}
    # The same rows in another order, in two files, are the same sample.
    halves = [("b.jsonl", "\n".join(lines[:200][::-1]).encode() + b"\n")]
    halves += [("a.jsonl", "\n".join(lines[200:]).encode() + b"\n")]
    other = parse_window(WINDOW, halves, most=50)
    assert {row.id for row in other.rows} == {row.id for row in log.rows}


def test_a_rating_that_comes_behind_its_answer_counts_once() -> None:
    first, second = draw_log(WINDOW, drifted=False, rows=2)
    said = json.loads(first.model_dump_json(exclude_defaults=True))
    later = json.dumps(said | {"thumbs": "down"}).encode() + b"\n"
    log = parse_window(WINDOW, [("jsonl", log_bytes([first, second])), ("late.jsonl", later * 2)])
    assert (log.total, log.repeated_rows) == (2, 2)
    assert (log.measured.rated, log.measured.badly) == (1, 1)
