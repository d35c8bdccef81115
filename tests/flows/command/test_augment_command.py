"""`paddock augment` as a person types it: what a model wrote is sifted and counted."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Terminal = Callable[..., subprocess.CompletedProcess[str]]
COUNT = 40


@pytest.fixture(scope="module")
def home(terminal: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a snapshot of conversations."""
    folder = tmp_path_factory.mktemp("augmenting")
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What does the Tarn tent number {n} cost?"},
                {"role": "assistant", "content": f"It costs {n + 100} euros."},
            ]
        }
        for n in range(COUNT)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--source", str(folder / "rows.jsonl"), "--kind", "chat", "--no-names"]
    ended = terminal(folder / "home", "ingest", *words)
    assert ended.returncode == 0, ended.stderr
    return folder / "home"


def test_every_wording_of_a_model_is_kept_or_counted(
    home: Path, terminal: Terminal, tiny_model: Path, tmp_path: Path
) -> None:
    """The model is a tiny one that was never trained: nothing that it says asks anything."""
    own = tmp_path / "own.toml"  # for a context of 256
    own.write_text('[augment]\nprompt = "Ask in {variants} ways: {text}"\nmax_tokens = 60\n')
    words = ["--model", str(tiny_model), "--to", str(tmp_path / "made"), "--most-rows", "12"]
    words += ["--template", str(own)]
    ended = terminal(home, "augment", *words)
    assert ended.returncode == 0, ended.stderr
    found = re.search(r"0 variants of 0 rows, of ([\d,]+) that were written of 12\n", ended.stdout)
    assert found, ended.stdout
    fallen = re.findall(r"^ +([\d,]+)  (?=asks|other|not near|more|the same)", ended.stdout, re.M)
    assert sum(int(one.replace(",", "")) for one in fallen) == int(found[1].replace(",", ""))
    made = tmp_path / "made"
    assert (made / "variants.jsonl").read_text() == ""
    requests = [json.loads(line) for line in (made / "requests.jsonl").read_text().splitlines()]
    assert len(requests) == 12
    asked = requests[0]["body"]["messages"][0]["content"]
    assert asked.startswith("Ask in 3 ways: What does the Tarn tent number")
    again = terminal(home, "augment", *words)
    assert "0 in this run" in again.stdout  # each answer was found


def test_a_template_of_ones_own_and_a_budget_are_heeded(
    home: Path, terminal: Terminal, tiny_model: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[augment]\nprompt = "Ask in {variants} ways: {text}"\nmax_tokens = 9\n')
    words = ["--model", str(tiny_model), "--to", str(tmp_path / "made"), "--variants", "2"]
    words += ["--template", str(own)]
    stopped = terminal(home, "augment", *words, "--most-tokens", "50")
    assert stopped.returncode == 1
    assert "stopped: the budget of 50 tokens" in stopped.stderr
    assert not (tmp_path / "made" / "variants.jsonl").exists()
    line = (tmp_path / "made" / "requests.jsonl").read_text().splitlines()[0]
    body = json.loads(line)["body"]
    assert body["messages"][0]["content"].startswith("Ask in 2 ways: What does")
    assert body["max_tokens"] == 9


def test_a_folder_of_something_else_is_left_alone(
    home: Path, terminal: Terminal, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    words = ["--model", str(tiny_model), "--to", str(tmp_path)]
    refused = terminal(home, "augment", *words)
    assert refused.returncode == 2
    assert "the folder holds other things" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
