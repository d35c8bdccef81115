"""A home that was lived in: two models were released, a third waits, and one was only tried."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
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
