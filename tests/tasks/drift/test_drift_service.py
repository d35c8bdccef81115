"""How a window was served, beside what is usual; and the first week that says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.inference_log import LogRow
from tasks.drift.decision import WindowResult
from tasks.drift.service.measured import Measured, Measuring, together
from tasks.drift.service.signals import Share, judge, p_value
from tasks.drift.signals.signal import Signal
from tasks.drift.usual import usual_before
from tasks.storage.objects import LocalStore

START = datetime(2026, 3, 1, tzinfo=UTC)
ALARMS = 0.01


def _row(**fields: Any) -> LogRow:
    said = {"id": "r", "time": START, "model": "desk", "prompt": "Open?", "answer": "Yes."}
    return LogRow.model_validate(said | fields)


def _window(
    rng: Any, rows: int = 200, slower: float = 1.0, failed: float = 0.002, badly: float = 0.2
) -> Measured:
    """Draw a window whose waits move by a tenth from hour to hour."""
    measuring = Measuring()
    busy = slower * np.exp(rng.normal(0, 0.1))
    for wait in rng.lognormal(0, 0.8, rows) * busy:
        broken = rng.random() < failed
        measuring.add(
            _row(
                seconds=wait,
                first_token_seconds=wait / 10,
                cost=0.01,
                finish_reason="error" if broken else "stop",
            )
        )
        measuring.rate(float(rng.random() >= badly))
    return measuring.measured()


def _usual(rng: Any, windows: int = 24) -> dict[str, Measured]:
    return {str(number): _window(rng) for number in range(windows)}


def _worse(window: Measured, usual: Mapping[str, Measured]) -> list[str]:
    return [signal.name for signal in judge(window, usual, ALARMS) if signal.drifted]


def test_what_is_served_as_ever_raises_nothing_and_what_is_worse_does() -> None:
    rng = np.random.default_rng(3)
    usual = _usual(rng)
    quiet = [_worse(_window(rng), usual) for _ in range(30)]
    assert sum(map(bool, quiet)) <= 1
    slow = [_worse(_window(rng, slower=2), usual) for _ in range(10)]
    assert sum({"waits", "first token"} <= set(one) for one in slow) >= 9
    assert not any({"cost", "failures", "cut"} & set(one) for one in slow)
    broken = [_worse(_window(rng, failed=0.05), usual) for _ in range(10)]
    assert sum("failures" in one for one in broken) >= 9
    rated = [_worse(_window(rng, badly=0.45), usual) for _ in range(10)]
    assert sum("bad ratings" in one for one in rated) >= 9
    faster = _worse(_window(rng, slower=0.4, badly=0.0), usual)
    assert faster == []


def test_it_says_by_how_much() -> None:
    rng = np.random.default_rng(4)
    found = {
        signal.name: signal
        for signal in judge(_window(rng, slower=3, failed=0.2), _usual(rng), ALARMS)
    }
    assert found["failures"].explanation == "18.5% of the requests failed, usually 0.2%"
    assert found["waits"].statistic == pytest.approx(2, abs=0.6)
    assert found["waits"].explanation.startswith(("50% of answers take", "95% of answers take"))
    assert all(Signal.model_validate_json(one.model_dump_json()) == one for one in found.values())
    assert "cut" in found  # a finish reason tells whether an answer was cut
    assert found["cut"].statistic == 0


def test_too_few_rows_or_windows_say_nothing() -> None:
    rng = np.random.default_rng(5)
    usual = _usual(rng)
    assert judge(_window(rng, rows=10, slower=9), usual, ALARMS) == ()
    assert judge(_window(rng, slower=9), dict(list(usual.items())[:5]), ALARMS) == ()
    unknown = Measuring()
    for _ in range(50):
        unknown.add(_row())
    names = [signal.name for signal in judge(unknown.measured(), usual, ALARMS)]
    assert names == ["failures"]  # an answer that is there did not fail; the rest is not known


def test_the_chance_of_a_share_is_right_where_windows_are_alike_and_where_they_are_not() -> None:
    rng = np.random.default_rng(6)
    for apart in (0.0, 0.15):
        found: list[float] = []
        for _ in range(150):
            means = np.clip(0.4 + rng.normal(0, apart, 25), 0.02, 0.98)
            bad = rng.binomial(100, means)
            *before, now = (Share(int(one), 100) for one in bad)
            found.append(p_value(now, before))
        assert np.mean(np.array(found) < 0.05) <= 0.08
        assert np.mean(np.array(found) < 0.5) == pytest.approx(0.5, abs=0.15)


def test_counts_say_of_how_many_rows_they_are_known_and_can_be_put_together() -> None:
    measuring = Measuring()
    for row in (
        _row(answer=" "),
        _row(finish_reason="length", seconds=2),
        _row(truncated=False, cost=0.5),
        _row(finish_reason="timeout", seconds=0),
    ):
        measuring.add(row)
    measuring.rate(0.25)
    measuring.rate(0.5)
    one = measuring.measured()
    assert (one.rows, one.failed, one.cut, one.told_cut, one.rated, one.badly) == (4, 2, 1, 3, 2, 1)
    assert sum(one.seconds.values()) == 2
    two = together([one, one])
    assert (two.rows, two.failed, two.told_cut) == (8, 4, 6)
    assert {key: 2 * count for key, count in one.seconds.items()} == two.seconds
    assert Measured.model_validate_json(two.model_dump_json()) == two
    assert together([]) == Measured()


def _label(hours: int) -> str:
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H")


def _results(hours: range) -> list[WindowResult]:
    return [
        WindowResult(
            window=_label(hour), champion="d", status="quiet", measured=Measured(rows=hour)
        )
        for hour in hours
    ]


def test_the_first_week_is_what_is_usual_and_stays_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    def usual(hour: int, history: list[WindowResult]) -> list[int]:
        found = usual_before(store, "desk", "d" * 64, _label(hour), history)
        return [one.rows for one in found.values()]

    assert usual(5, []) == []
    assert usual(23, _results(range(23))) == []  # not a day yet
    assert usual(24, _results(range(24))) == list(range(24))
    # A look back finds what the first look did, whatever came since.
    assert usual(24, _results(range(90))) == list(range(24))
    week = list(range(7 * 24))
    assert usual(200, _results(range(200))) == week
    # Of a long history only the newest verdicts are read, and the first week stays what it was.
    assert usual(900, _results(range(400, 900))) == week
    # Who begins late and catches up keeps the week that is then there, not its first window.
    late = [*_results(range(1)), *_results(range(180, 183))]
    assert usual_before(store, "late", "d" * 64, _label(1), late) == {}
    caught_up = [*_results(range(168)), *_results(range(180, 183))]
    assert len(usual_before(store, "late", "d" * 64, _label(183), caught_up)) == 168
    thin = [one.model_copy(update={"measured": None}) for one in _results(range(30))]
    assert usual_before(store, "other", "d" * 64, _label(30), thin) == {}
