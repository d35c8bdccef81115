"""`paddock log` as people type it, over one home: brought in, counted, sealed, killed, gone on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import run_and_kill

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
NAME = ["--name", "counter"]
AT = 1772373791  # 2026-03-01T14:03:11Z


def _requests(rows: int) -> str:
    lines: list[str] = []
    for number in range(rows):
        asked = {"role": "user", "content": f"What does {number} cost, and whom does it suit?"}
        said = {"role": "assistant", "content": f"It is {number} euros; write to ada@example.org."}
        request = {"model": "counter/3", "messages": [asked]}
        response = {"id": f"c-{number}", "created": AT + number, "choices": [{"message": said}]}
        said_of = {"consent": number % 4 != 0, "thumbs": "up" if number % 3 else "down"}
        lines.append(json.dumps({"request": request, "response": response, **said_of}))
    return "".join(f"{line}\n" for line in [*lines, "broken"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "home"


@pytest.fixture(scope="module")
def story(home: Path, terminal: Run) -> dict[str, Ended]:
    """Type one command after another."""
    told = {"empty": terminal(home, "log", "compact", *NAME)}
    place = home.parent / "gateway.jsonl"
    place.write_text(_requests(60))
    told["nothing"] = terminal(home, "log", "import", *NAME)
    told["elsewhere"] = terminal(home, "log", "import", str(home / "none"), *NAME)
    told["experiment"] = terminal(home, "log", "import", "mlflow://none", *NAME)
    told["import"] = terminal(home, "log", "import", str(place), *NAME)
    told["again"] = terminal(home, "log", "import", str(place), *NAME)
    told["stats"] = terminal(home, "log", "stats", *NAME)
    told["compact"] = terminal(home, "log", "compact", *NAME, "--raw-days", "1")
    told["sealed stats"] = terminal(home, "log", "stats", *NAME, "--by", "day")
    told["sealed"] = terminal(home, "log", "compact", *NAME)
    told["learn"] = terminal(home, "ingest", "--source", "log://counter?replay=0")
    told["learn again"] = terminal(home, "ingest", "--source", "log://counter?replay=0")
    told["no rule"] = terminal(home, "ingest", "--source", "log://counter?mood=blue")
    told["nobody"] = terminal(home, "ingest", "--source", "log://counter?since=2026-04-01")
    told["clean"] = terminal(home, "clean", "--older-than", "1")
    return told


def test_on_a_fresh_install_there_is_nothing_to_do(story: dict[str, Ended]) -> None:
    assert (story["empty"].returncode, story["empty"].stderr) == (0, "")
    assert (
        "Nothing to seal in the log of counter: nothing was written yet." in story["empty"].stdout
    )


def test_what_cannot_be_brought_in_is_said(story: dict[str, Ended]) -> None:
    for name, said in {
        "nothing": "nothing to bring in was named",
        "elsewhere": "there is no such file or folder",
        "experiment": "there is no such experiment",
    }.items():
        assert (story[name].returncode, said in story[name].stderr) == (2, True), name


def test_rows_are_brought_in_once_and_counted(story: dict[str, Ended]) -> None:
    assert "61 rows read: 60 brought into 1 windows" in story["import"].stdout
    assert "1  bad JSON" in story["import"].stdout
    assert "0 brought into 0 windows of counter, 60 there already" in story["again"].stdout
    assert "2026-03-01T14  3        -       -          60" in story["stats"].stdout


def test_the_day_is_sealed_redacted_and_its_raw_file_goes(
    story: dict[str, Ended], home: Path
) -> None:
    said = story["compact"].stdout
    assert "60 rows, 60 kept, 0 quarantined, 0 duplicates; 1 raw files taken away" in said
    assert "1 of 1 days of counter's log sealed anew, 1 raw files taken away." in said
    log = home / "store/inference/counter"
    assert [path.name for path in log.rglob("*") if path.is_file()] == ["000001.json"]
    assert "60 readable" in story["sealed stats"].stdout
    assert "2026-03-01  3" in story["sealed stats"].stdout
    assert "all that was written is sealed" in story["sealed"].stdout
    assert "the log of counter on 2026-03-01" in story["clean"].stdout
    (shard,) = (home / "store/log-day").glob("*/rows.parquet")
    import pyarrow.parquet as pq

    answers: list[Any] = pq.read_table(shard)["answer"].to_pylist()
    assert all("<EMAIL_1>" in answer and "ada@" not in answer for answer in answers)


def test_what_people_found_good_is_a_source_and_the_rest_is_told_by_its_reason(
    story: dict[str, Ended], home: Path
) -> None:
    said = story["learn"].stdout
    assert story["learn"].returncode == 0, story["learn"].stderr
    assert "30 of 60 rows of the log may be learned, beside 0 that the champion learned" in said
    assert "left out: 15 consent refused" in said
    assert "left out: 15 rated badly" in said
    assert (
        "30 of 60 rows of the log"
        in (next((home / "store/snapshot").glob("*/report.md"))).read_text()
    )
    assert "it stood there already" in story["learn again"].stdout
    (rows,) = (home / "store/log-rows").glob("*/rows.jsonl")
    learned = [json.loads(line) for line in rows.read_text().splitlines()]
    numbers = {int(row["log_id"].removeprefix("c-")) for row in learned}
    assert numbers == {n for n in range(60) if n % 4 and n % 3}
    for name, why in {"no rule": "mood: Extra inputs", "nobody": "no day of this log is"}.items():
        assert (story[name].returncode, why in story[name].stderr) == (2, True), story[name].stderr


def test_killed_half_way_it_goes_on(
    home: Path, story: dict[str, Ended], terminal: Run,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:  # fmt: skip
    assert story["clean"].returncode == 0
    late = home.parent / "late.jsonl"
    late.write_text(_requests(500))
    brought = terminal(home, "log", "import", str(late), *NAME)
    assert "440 brought into 1 windows of counter, 60 there already" in brought.stdout
    words = ["log", "compact", *NAME, "--raw-days", "1"]
    run_and_kill(home, words, home_environment(home), "day 2026-03-01 …", 1.0)
    ended = terminal(home, *words)
    assert ended.returncode == 0, ended.stderr
    assert "version 2: 500 rows, 500 kept, 0 quarantined, 0 duplicates; 1 raw" in ended.stdout
