"""`paddock compare` over what a home has recorded of its models."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.living.conftest import NAME, Ended, Lived, done

Run = Callable[..., Ended]


def test_what_differs_and_how_each_scored(lived: Lived, terminal: Run) -> None:
    words = ["compare", *NAME, "1", "shelves/3", "shelves@champion", lived.tried[:12]]
    said = done(terminal(lived.home, *words))
    lines = [line.split() for line in said.splitlines() if line]
    assert lines[0] == ["shelves/1", "shelves/3", "shelves@champion", lived.tried[:16]]
    by_name = {line[0]: line[1:] for line in lines if len(line) > 1}
    assert by_name["learning-rate"] == ["0.0001", "0.0005", "0.0003", "0.0007"]
    assert by_name["max-steps"] == ["4", "4", "4", "2"]
    assert "method" not in by_name  # as it is the same
    assert len(set(by_name["final"][1:])) == 4  # final loss
    scores = [line for line in lines if line[0].startswith("safety/")]
    assert scores and all(line[-1] == "missing" for line in scores)
    assert "[" in " ".join(scores[0])
    assert f"Note: {lived.tried[:16]} was not evaluated" in said
    assert "pass" in next(line for line in said.splitlines() if line.strip().startswith("is safe"))


def test_other_formats_have_all_of_it(lived: Lived, terminal: Run) -> None:
    models = ["compare", *NAME, "1", "2"]
    text = done(terminal(lived.home, *models, "--format", "csv"))
    rows = {(row["group"], row["name"]): row for row in csv.DictReader(io.StringIO(text))}
    assert rows["parameters", "learning-rate"]["shelves/2"] == "0.0003"
    found = json.loads(done(terminal(lived.home, *models, "--format", "json")))
    first, second = found["models"]
    assert (first["title"], second["made"]["learning_rate"]) == ("shelves/1", 0.0003)
    assert first["metrics"]["safety/refusal"]["scores"]["candidate"]["n"] > 0
    assert first["training"]["tokens_per_second"] > 0
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("models", "code", "said"),
    [
        (["1"], 2, "--models: Tuple should have at least 2 items"),
        (["1", "9"], 2, "there is no version 9 of shelves-candidate"),
        (["1", "no model"], 2, "this names no model"),
        (["1", "0000beef"], 2, "no trained model's digest begins so"),
        (["1", "other@champion"], 1, "no release made it one that serves"),
    ],
)
def test_what_names_nothing_is_refused(
    models: list[str], code: int, said: str, lived: Lived, terminal: Run
) -> None:
    ended = terminal(lived.home, "compare", *NAME, *models)
    assert (ended.returncode, said in ended.stderr, ended.stdout) == (code, True, ""), ended.stderr


def test_what_was_cleaned_away_is_told_by_the_runs_summary(
    lived: Lived, terminal: Run, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(lived.home, home)
    before = done(terminal(home, "compare", *NAME, "1", "2"))
    for stage in ("model", "scorecard"):
        shutil.rmtree(home / "store" / stage)
    after = done(terminal(home, "compare", *NAME, "1", "2"))
    kept, told = ([line.split() for line in text.splitlines()] for text in (before, after))
    for name in ("learning-rate", "safety/refusal"):
        (line,) = [words for words in kept if words[:1] == [name]]
        assert line in told
    shutil.rmtree(home / "store" / "runs")
    gone = terminal(home, "compare", *NAME, "1", "2")
    assert gone.stderr.startswith("compare: its training is not in the store any more")
