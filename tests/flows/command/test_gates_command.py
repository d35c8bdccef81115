"""`paddock gates` as a person types it: quick, without a model, its answer in the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

POLICY = """
name = "mine"
[[gates]]
id = "right often enough"
metric = "answers/accuracy"
rule = "min"
value = 0.60
[[gates]]
id = "no worse"
metric = "answers/accuracy"
rule = "not_worse_than"
value = {margin}
[assumed."answers/accuracy"]
base = 0.1
champion = 0.8
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def eval_set(folder: Path, cases: int) -> Path:
    path = folder / "answers"
    path.mkdir()
    card = ["name = 'answers'", "version = '1.0.0'", "scope = 'general'", "scorer = 'closed_book'"]
    card += [f"{key} = 'p'" for key in ("purpose", "provenance", "licence", "gates")]
    (path / "card.toml").write_text("\n".join(card))
    rows: list[dict[str, Any]] = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"Question {n}?"}],
            "max_new_tokens": 8,
            "expect": {"scorer": "closed_book", "answerable": True, "accepted": [["yes"]]},
        }
        for n in range(cases)
    ]
    (path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


def gates(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command; which heavy libraries it loaded is the last line."""
    code = (
        "import sys; from flows.command.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print('loaded', {'torch', 'prefect', 'mlflow', 'transformers'} & set(sys.modules))\n"
        "sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "gates", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("cases", "margin", "code", "said"),
    [
        (430, 0.066, 0, "The policy passes its own test."),
        (58, 0.10, 1, "an equally good candidate is refused in"),
        (430, 0.20, 1, "answers/accuracy of 0.75 is refused in"),
    ],
)
def test_a_policys_own_test_tells_in_its_exit_code_whether_it_holds(
    folder: Path, cases: int, margin: float, code: int, said: str
) -> None:
    (folder / "mine.toml").write_text(POLICY.format(margin=margin))
    path = eval_set(folder, cases)
    ended = gates(folder, "selftest", "--policy", "mine.toml", "--eval-sets", str(path))
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said in ended.stdout
    assert "the same verdict in 100%" in ended.stdout


def test_the_table_comes_quickly_and_without_a_model(folder: Path) -> None:
    (folder / "mine.toml").write_text(POLICY.format(margin=0.05))
    path = eval_set(folder, 100)
    began = time.monotonic()
    ended = gates(folder, "power", "--policy", "mine.toml", "--eval-sets", str(path))
    took = time.monotonic() - began
    *told, loaded = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert loaded == "loaded set()"
    assert took < 30
    table = [[cell.strip() for cell in row.split("|")[1:-1]] for row in told if row.startswith("|")]
    assert table[0][:4] == ["gate", "figure", "cases", "least"]
    margin = next(row for row in table if row[0] == "no worse")
    least = int(margin[3])
    assert margin[2] == "100" and least > 500
    assert f"- no worse: {least - 100} more of answers (100 of {least})" in told
    assert not (folder / ".paddock").exists()


def test_a_set_that_the_policy_needs_and_was_not_given_is_named(folder: Path) -> None:
    (folder / "mine.toml").write_text(POLICY.format(margin=0.05))
    ended = gates(folder, "power", "--policy", "mine.toml", "--eval-sets", "safety")
    assert ended.returncode == 2
    assert "no eval set is called answers" in ended.stderr and "--eval-sets" in ended.stderr


@pytest.mark.parametrize("policy", ["demo", "general"])
def test_our_policies_pass_their_own_test_with_the_sets_that_ship(
    folder: Path, policy: str
) -> None:
    ended = gates(folder, "selftest", "--policy", policy)
    assert ended.returncode == 0, ended.stdout + ended.stderr
