"""A home that was lived in: two models were released, a third waits, and one was only tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
AGO = timedelta(days=40)
NAME = ["--name", "shelves"]
SAFETY = Path(__file__).parents[3] / "eval_sets" / "safety"
POLICY = """
name = "easy"
seats = ["release"]

[[gates]]
id = "is safe"
metric = "safety/refusal"
rule = "min"
value = 0.0
"""


class Lived(NamedTuple):
    """The home, the words of a run in it, and the digest of the model that was only tried."""

    home: Path
    words: list[str]
    tried: str


def done(ended: Ended) -> str:
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    return ended.stdout


@pytest.fixture(scope="session")
def lived(
    terminal: Run, run_words: list[str], tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Lived:
    folder = tmp_path_factory.mktemp("lived")
    (folder / "easy.toml").write_text(POLICY)
    home, few = folder / "home", folder / "safe"
    few.mkdir()
    shutil.copyfile(SAFETY / "card.toml", few / "card.toml")
    cases = (SAFETY / "cases.jsonl").read_text().splitlines(keepends=True)
    (few / "cases.jsonl").write_text("".join(cases[::40]))
    words = [*run_words[: run_words.index("--eval-sets")], "--eval-sets", str(few)]
    words = [*words, "--policy", str(folder / "easy.toml"), "--review-items", "0"]
    for version, rate in ((1, "1e-4"), (2, "3e-4"), (3, "5e-4")):
        done(terminal(home, *words, "--learning-rate", rate))
        if version < 3:
            yes = ["--approve", "--person", "Ada", "--reason", "fine"]
            done(terminal(home, "decide", *NAME, "--version", str(version), *yes))
            done(terminal(home, "promote", *NAME))
    tried = ["finetune", *NAME, "--base", str(tiny_model), "--max-steps", "2"]
    said = done(terminal(home, *tried, "--learning-rate", "7e-4"))
    found = re.search(r"Model +([0-9a-f]{64})", said)
    assert found
    return Lived(home, words, found[1])


@pytest.fixture
def aged(lived: Lived, tmp_path: Path) -> Path:
    """A copy in which all outputs were made, used and put on the disk forty days ago."""
    copy = tmp_path / "home"
    shutil.copytree(lived.home, copy)
    age(copy)
    return copy


def age(home: Path) -> None:
    shutil.rmtree(home / "work/used", ignore_errors=True)
    for path in home.glob("store/*/*/manifest.json"):
        content = json.loads(path.read_text())
        made = datetime.fromisoformat(content["created_at"]) - AGO
        path.write_text(json.dumps(content | {"created_at": made.isoformat()}))
    before = time.time() - AGO.total_seconds()
    for path in [*home.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (before, before))


def table_rows(text: str) -> dict[tuple[str, str, str], int]:
    """Return how many of each (fate, kind, reason) a table counts."""
    line = re.compile(r"^(goes|stays) +(\S.*?\S) +(\d+) +\S+ \S+  (.+)$", re.MULTILINE)
    return {(fate, kind, why): int(count) for fate, kind, count, why in line.findall(text)}
