"""A week of a champion's requests, and a day on which it is served worse."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.inference_log import LogRow
from flows.showing.notifying import worse_event
from tasks.demo_desk.inference_log import draw_log
from tests.flows.living.conftest import NAME, Ended, Lived, done

Run = Callable[..., Ended]
DAYS = [f"2998-05-0{day}" for day in range(1, 9)]
LAST = DAYS[-1]


def _requests(day: str) -> str:
    """Return a day's log: sixty requests; on the last day they take four times as long."""
    rng, lines = random.Random(day), list[str]()
    for number, row in enumerate(draw_log(day, drifted=False, rows=60, seed=5)):
        waited = rng.lognormvariate(0, 0.5) * (4 if day == LAST else 1)
        lines.append(
            json.dumps(
                {
                    **_said(row),
                    "id": f"{day}-{number}",
                    "model": "shelves",
                    "version": 2,
                    "tenant": f"team-{number % 2}",
                    "seconds": waited,
                    "first_token_seconds": waited / 4,
                    "finish_reason": "stop",
                    "thumbs": "down" if rng.random() < (0.6 if day == LAST else 0.1) else "up",
                }
            )
        )
    return "".join(f"{line}\n" for line in lines)


def _said(row: LogRow) -> dict[str, str]:
    return {"time": row.time.isoformat(), "prompt": row.prompt, "answer": row.answer}


@pytest.fixture(scope="module")
def home(lived: Lived, tmp_path_factory: pytest.TempPathFactory, terminal: Run) -> Path:
    copy = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(lived.home, copy)
    folder = copy / "store/inference/shelves"
    folder.mkdir(parents=True)
    for day in DAYS:
        (folder / f"{day}.jsonl").write_text(_requests(day))
    done(terminal(copy, "monitor", *NAME, "--since", DAYS[0], "--until", DAYS[-2]))
    return copy


@pytest.fixture(scope="module")
def look(home: Path, terminal: Run) -> str:
    return done(terminal(home, "monitor", *NAME, "--no-retrain"))


def test_a_day_of_long_waits_is_told_and_starts_nothing(home: Path, look: str) -> None:
    told = [line for line in look.splitlines() if "served worse, " in line]
    assert [line.split("served worse, ")[1].split(":")[0] for line in told] == [
        "waits",
        "first token",
        "bad ratings",
    ]
    assert "of answers take up to" in told[0] and ", usually " in told[0]
    status = json.loads((home / "store/drift/shelves/status.json").read_text())
    assert len(status["worse"]) == 3
    assert status["signals"]["waits"] > 1 > status["signals"]["failures"]
    assert not (home / "store/drift/shelves/triggers").exists()


def test_what_stays_to_be_seen_is_said(home: Path, look: str, terminal: Run) -> None:
    assert look
    shown = done(terminal(home, "show", *NAME))
    assert "SERVED WORSE: waits: " in shown
    assert "served worse (waits: " in done(terminal(home, "drift", "explain", *NAME))
    pages = [path.read_text() for path in (home / "store/drift").rglob("report.md")]
    (page,) = (page for page in pages if f"# Drift in {LAST}" in page)
    assert "| waits | seconds to the whole answer: more" in page
    (first,) = (page for page in pages if f"# Drift in {DAYS[0]}" in page)
    assert "Service: it is judged once six windows over a day are there" in first


def test_the_same_signal_is_told_once_a_day_whatever_its_figures() -> None:
    one, two, other = (
        worse_event("desk", worse)
        for worse in ("waits: 95% take 3.1, usually 2", "waits: 95% take 4, usually 2", "cost: 1")
    )
    assert one.key == two.key != other.key
    assert one.text.startswith("served worse, waits: 95% take 3.1")
