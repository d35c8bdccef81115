"""Any model is asked any eval sets, beside a base; nothing is registered."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
ASK = ("evaluate", "--eval-sets", "safety")


@pytest.fixture(scope="module")
def other(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that is another by its files."""
    folder = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(tiny_model, folder)
    config = folder / "config.json"
    config.write_text(config.read_text() + "\n")
    return folder


def test_a_model_is_asked_beside_its_base_and_found_again(
    tmp_path: Path, terminal: Run, manifests: Manifests, tiny_model: Path, other: Path
) -> None:
    home = tmp_path / "home"
    ask = [*ASK, "--model", str(other), "--base", str(tiny_model)]
    ended = terminal(home, *ask)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    made = manifests(home)
    assert {stage: len(each) for stage, each in made.items()} == {
        "base": 2,
        "answers": 2,
        "scorecard": 1,
        "lost": 1,
    }
    assert f"base       {tiny_model}  " in ended.stdout
    assert f"candidate  {other}  " in ended.stdout
    assert "asked      safety 2.0.0 (840)" in ended.stdout
    assert "candidate minus base (95% intervals" in ended.stdout
    # The same weights give the same answers, and there are no held-out records.
    assert "+0.0 [" in ended.stdout and "perplexity" not in ended.stdout
    again = terminal(home, *ask)
    assert again.returncode == 0, again.stderr
    assert manifests(home) == made
    waits = [line for line in ended.stdout.splitlines() if "12 cases alone" in line]
    assert len(waits) == 2 and all(line in again.stdout for line in waits)  # measured once
    assert "no candidates" in (shown := terminal(home, "show").stdout) or "version" not in shown


def test_a_base_is_asked_alone(tmp_path: Path, terminal: Run, tiny_model: Path) -> None:
    ended = terminal(tmp_path / "home", *ASK, "--model", str(tiny_model), "--base", str(tiny_model))
    assert ended.returncode == 0, ended.stderr
    assert "asked alone" in ended.stdout and "candidate minus" not in ended.stdout


def test_what_cannot_be_asked_is_said(tmp_path: Path, terminal: Run, tiny_model: Path) -> None:
    for words, said in (
        (["--model", str(tmp_path)], "config.json"),
        (["--model", "models:/desk/7"], "no such registered model"),
        (["--model", str(tiny_model), "--adapter", "feedfeed"], "leave one of them out"),
        (["--base", str(tiny_model)], "give --model, too"),
    ):
        wrong = terminal(tmp_path / "home", *ASK, *words)
        assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr
