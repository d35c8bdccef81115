"""`paddock report` over a home that was lived in, and what a week's report says of failed runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.asking.report_parameters import last_week, week_named, weeks_between
from flows.showing import weekly
from flows.showing.weekly import Part, WeeklyReport
from flows.showing.weekly_pages import html, markdown
from tasks.drift.decision import Decision, WindowResult
from tasks.drift.triggers import claim_trigger, record_outcome, record_result
from tasks.storage.objects import LocalStore
from tests.flows.living.conftest import NAME, Ended, Lived, done

Run = Callable[..., Ended]
NOW = datetime.now(UTC)
WEEK = week_named(f"{NOW:%G-W%V}")


@pytest.fixture(scope="module")
def home(lived: Lived, tmp_path_factory: pytest.TempPathFactory, terminal: Run) -> Path:
    """The home, with a log, a window that drifted and a retraining that crashed."""
    copy = tmp_path_factory.mktemp("weekly") / "home"
    shutil.copytree(lived.home, copy)
    store = LocalStore(copy / "store")
    hour = f"{WEEK.since:%Y-%m-%d}T0"
    done(terminal(copy, "demo-log", *NAME, "--window", f"{hour}1", "--rows", "40"))
    for number, status, reason in ((1, "quiet", ""), (2, "drifted", "odd words | <b>new</b>")):
        result = WindowResult.model_validate(
            {
                "window": f"{hour}{number}",
                "champion": "c" * 64,
                "status": status,
                "reason": reason,
            }
        )
        record_result(store, "shelves", result)
    decision = Decision.model_validate(
        {
            "start": True,
            "reason": "drift",
            "fingerprint": "f" * 24,
            "attempt": 1,
            "champion": "c" * 64,
            "window": f"{hour}2",
        }
    )
    trigger = claim_trigger(store, "shelves", decision, WEEK.since + timedelta(hours=2))
    assert trigger and record_outcome(store, "shelves", trigger, "crashed")
    return copy


def test_the_report_tells_the_week(home: Path, terminal: Run) -> None:
    said = done(terminal(home, "report", *NAME, "--week", WEEK.name))
    assert f"# shelves in {WEEK.name}" in said
    assert "Version 1, 2 served; the champion moved 2 times." in said
    assert re.search(r"\| still \| version 2 \| promote \| ada \(.*fine\)+ \| ", said), said
    assert "3 runs ended in a candidate; 3 of them passed its gates." in said
    assert "Of candidate 3" in said or "No ratings of a candidate's answers" in said
    assert "40 requests in 1 days; 0 rows of the log were refused." in said
    assert "2 windows were compared: 1 drifted, 1 quiet; it started 1 retraining." in said
    assert "odd words \\| \\<b\\>new\\</b\\>" in said
    assert re.search(r"\d trainings took 0\.\d\d GPU hours", said)
    assert "nobody knows what failed" in said  # no server outlives a command
    kept = {path.suffix: path for path in (home / "store/reports/shelves").iterdir()}
    assert set(kept) == {".html", ".md", ".json"}
    assert kept[".md"].read_text() in said
    page = kept[".html"].read_text()
    assert "<td>odd words | &lt;b&gt;new&lt;/b&gt;</td>" in page and "<script" not in page
    report = WeeklyReport.model_validate_json(kept[".json"].read_bytes())
    assert (report.name, report.week) == ("shelves", WEEK.name)


def test_a_week_in_which_nothing_happened_says_so(home: Path, terminal: Run) -> None:
    said = done(terminal(home, "report", *NAME, "--week", "2020-W05"))
    for words in (
        "Nothing served.",
        "No run ended in a candidate.",
        "No requests were logged.",
        "No window was compared.",
        "No training ended.",
    ):
        assert words in said
    assert "2020-01-27 00:00 until 2020-02-03 00:00 (UTC)" in said


def test_windows_and_weeks_that_schedules_missed_are_made_up_for(home: Path, terminal: Run) -> None:
    for hour in ("03", "04"):
        window = f"{WEEK.since:%Y-%m-%d}T{hour}"
        done(terminal(home, "demo-log", *NAME, "--window", window, "--rows", "30"))
    day = ["--since", f"{WEEK.since:%Y-%m-%d}", "--until", f"{WEEK.since:%Y-%m-%d}"]
    done(terminal(home, "backfill", "--flow", "monitor_drift", *NAME, *day))
    verdicts = home / "store/drift/shelves/verdicts"
    compared = {path.stem[-2:] for path in verdicts.glob("*/*.json")}
    assert compared == {"01", "02", "03", "04"}
    assert len(list((home / "store/drift/shelves/triggers").rglob("*.json"))) == 2  # as before
    since = (WEEK.since - timedelta(days=8)).date().isoformat()
    done(terminal(home, "backfill", "--flow", "weekly_report", *NAME, "--since", since))
    kept = {path.stem for path in (home / "store/reports/shelves").glob("*.md")}
    weeks = {f"{NOW - timedelta(days=7 * ago):%G-W%V}" for ago in (0, 1)}
    assert kept >= weeks | {week_named(f"{WEEK.since - timedelta(days=8):%G-W%V}").name}
    wrong = terminal(home, "backfill", "--flow", "weekly_report", *NAME, "--since", "2999-01-01")
    assert wrong.returncode == 2 and "is after" in wrong.stderr


def test_a_source_that_cannot_be_read_is_said_in_its_part(home: Path, terminal: Run) -> None:
    with (home / "ledger.db").open("r+b") as ledger:
        kept = ledger.read()
    try:
        (home / "ledger.db").unlink()
        said = done(terminal(home, "report", *NAME, "--week", WEEK.name))
    finally:
        (home / "ledger.db").write_bytes(kept)
    assert "It could not be read: " in said
    assert "3 runs ended in a candidate" in said


def test_what_is_no_week_is_refused(home: Path, terminal: Run) -> None:
    for wrong in ("2026-W60", "last"):
        ended = terminal(home, "report", *NAME, "--week", wrong)
        assert ended.returncode == 2 and "2026-W48" in ended.stderr


def test_the_newest_week_that_is_over_is_the_one_before_this() -> None:
    assert last_week(datetime(2026, 11, 30, 0, 0, tzinfo=UTC)).name == "2026-W48"
    assert last_week(datetime(2027, 1, 4, 12, tzinfo=UTC)).name == "2026-W53"


def test_the_weeks_of_some_days_are_those_they_are_in_and_all_between() -> None:
    def names(since: str, until: str) -> list[str]:
        return [
            one.name for one in weeks_between(date.fromisoformat(since), date.fromisoformat(until))
        ]

    assert names("2026-11-29", "2026-11-30") == ["2026-W48", "2026-W49"]
    assert names("2026-11-23", "2026-11-29") == ["2026-W48"]
    assert names("2026-12-20", "2027-01-04") == ["2026-W51", "2026-W52", "2026-W53", "2027-W01"]


@pytest.mark.usefixtures("prefect_server")
def test_failed_runs_of_the_model_are_listed_with_what_they_said() -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed, Failed

    @flow
    def nothing() -> None: ...

    started = NOW - timedelta(minutes=1)
    with get_client(sync_client=True) as client:
        for number, (model, state) in enumerate(
            [
                ("desk", Failed(message="ingest: no rows")),
                ("desk", Crashed(message="its heartbeats stopped")),
                ("other", Failed(message="not ours")),
            ]
        ):
            run = client.create_flow_run(nothing, tags=[f"model:{model}"], name=f"run {number}")
            from prefect.states import Running

            client.set_flow_run_state(run.id, Running(timestamp=started), force=True)
            client.set_flow_run_state(run.id, state, force=True)
    workshop: Any = SimpleNamespace(settings=SimpleNamespace(shared_prefect="http://x/api"))
    part = weekly._failed("What failed", workshop, "desk", WEEK)  # pyright: ignore[reportPrivateUsage]
    assert part.sentence == "2 runs failed or crashed."
    assert [row[1:] for row in part.rows] == [
        ("nothing", "run 0", "Failed", "ingest: no rows"),
        ("nothing", "run 1", "Crashed", "its heartbeats stopped"),
    ]


def test_long_tables_are_cut_and_counted() -> None:
    part = weekly._part("Title", "All.", ("a",), [(str(n),) for n in range(100)])  # pyright: ignore[reportPrivateUsage]
    assert len(part.rows) == weekly.MOST and part.rows[-1] == ("99",)
    assert part.sentence == "All. The last 30 of 100 lines are shown."


def test_pages_take_what_people_wrote_as_text() -> None:
    part = Part(title="T", sentence="S", head=("a",), rows=(("[x](http://y) `z`\n| w",),))
    report = WeeklyReport(
        name="desk", week="2026-W48", since="a", until="b", made_at="c", parts=(part,)
    )
    assert "| \\[x\\](http://y) \\`z\\` \\| w |" in markdown(report)
    assert "<td>[x](http://y) `z`\n| w</td>" in html(report)
    assert json.loads(report.model_dump_json())["parts"][0]["title"] == "T"
