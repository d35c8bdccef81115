"""`paddock batch` as a person types it: priced, stopped by a budget, gone on with, found again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest


class Terminal(Protocol):
    prefect_database: Path

    def __call__(self, home: Path, *words: str) -> subprocess.CompletedProcess[str]: ...


Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
MAIL = "marjorie.haldane@mail.example"
CHATS = "/v1/chat/completions"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batching") / "home"


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return five requests, whose ids and texts are a person's, and a broken line between them."""
    path = tmp_path_factory.mktemp("requests") / "requests.jsonl"
    rows = [
        {
            "custom_id": f"{number}-{MAIL}",
            "method": "POST",
            "url": CHATS,
            "body": {
                "messages": [{"role": "user", "content": f"Is {number} from {MAIL}?"}],
                "max_tokens": 10,
            },
        }
        for number in range(5)
    ]
    lines = [json.dumps(row) for row in rows]
    lines.insert(2, f'{{"custom_id": "{MAIL}", oops')
    path.write_text("\n".join(lines) + "\n")
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_batch_is_priced_stopped_gone_on_with_and_found(
    home: Path, requests: Path, terminal: Terminal, manifests: Manifests, tiny_model: Path
) -> None:
    words = [str(requests), "--model", str(tiny_model), "--no-names", "--shard", "2"]
    out, errors = (requests.with_name(f"requests.{kind}.jsonl") for kind in ("answers", "errors"))
    checked = terminal(home, "batch", "check", *words)
    assert checked.returncode == 1, checked.stderr  # a line has no answer
    assert "6 lines: 5 requests to answer, 1 refused (1 invalid_json_line)" in checked.stdout
    assert "0 of 3 shards answered" in checked.stdout
    assert "at most 50 of answers" in checked.stdout
    assert set(manifests(home)) == {"base"} and not out.exists()

    stopped = terminal(home, "batch", "run", *words, "--most-tokens", "200")
    assert stopped.returncode == 1, stopped.stdout
    assert "stopped: the budget of 200 tokens does not reach" in stopped.stderr
    assert (len(rows_of(out)), len(manifests(home)["batch"])) == (2, 1)
    codes = [row["error"]["code"] for row in rows_of(errors)]
    assert codes == ["invalid_json_line"] + ["batch_stopped"] * 3

    ended = terminal(home, "batch", "run", *words)
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stdout
    assert "3, of which 1 were answered before" in ended.stdout
    assert [row["custom_id"] for row in rows_of(out)] == [f"{n}-{MAIL}" for n in range(5)]
    [broken] = rows_of(errors)
    assert (broken["custom_id"], broken["error"]["line"]) == (None, 3)
    before = out.read_bytes()
    again = terminal(home, "batch", "run", *words)
    assert "3, of which 3 were answered before" in again.stdout
    assert "0 in this run" in again.stdout
    assert out.read_bytes() == before

    manifest = min(
        (home / "store/batch").glob("*/manifest.json"), key=lambda one: one.stat().st_mtime
    )
    shutil.rmtree(manifest.parent)  # the first shard: what was answered behind it is still found
    partly = terminal(home, "batch", "run", *words, "--most-tokens", "1")
    assert partly.returncode == 1 and "the budget of 1 tokens" in partly.stderr
    assert [row["custom_id"] for row in rows_of(out)] == [f"{n}-{MAIL}" for n in (2, 3, 4)]

    kept = [file for file in home.rglob("*") if file.is_file()]
    kept += terminal.prefect_database.parent.glob("prefect.db*")
    leaks = [file for file in kept if MAIL.encode() in file.read_bytes()]
    assert leaks == []  # not even as whose an answer is
    said = "".join(one.stdout + one.stderr for one in (checked, stopped, ended, again))
    assert MAIL not in said


def test_documents_are_encoded_and_tasks_say_what_they_lack(
    home: Path, tmp_path: Path, terminal: Terminal, tiny_model: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    row = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"input": "Hello"}}
    path.write_text(json.dumps(row))
    encode = ["batch", "run", str(path), "--model", "minilm", "--no-names"]
    ended = terminal(home, *encode, "--out", str(tmp_path / "vectors.jsonl"))
    assert ended.returncode == 0, ended.stderr
    [answer] = rows_of(tmp_path / "vectors.jsonl")
    assert len(answer["response"]["body"]["data"][0]["embedding"]) == 384
    (tmp_path / "mine.txt").write_text("my own file\n")
    for words, said in (
        ([str(path), "--model", "minilm", "--task", "summarise"], "answers no task"),
        ([str(path), "--model", str(tiny_model)], "none of 1 lines is a request"),
        ([str(path), "--model", "desk@champion"], "no such registered model"),
        ([str(path), "--model", str(tiny_model), "--task", "label"], "give --labels"),
        ([str(tmp_path / "gone.jsonl"), "--model", "minilm"], "no such file of requests"),
        ([str(path), "--model", "minilm", "--out", str(tmp_path / "mine.txt")], "another kind"),
    ):
        wrong = terminal(home, "batch", "check", *words)
        assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr + wrong.stdout
    assert (tmp_path / "mine.txt").read_text() == "my own file\n"
