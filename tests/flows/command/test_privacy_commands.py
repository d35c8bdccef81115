"""What a privacy officer does: look into quarantine, release a row, trace one, forget a person."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Ended = subprocess.CompletedProcess[str]
Terminal = Callable[..., Ended]

CONTRACT = """
kind = "instruction"
[rows]
min = 5
[lengths]
output_characters = [1, 200]
[privacy]
subject = "customer"
retention_days = 365
residency = "EU"
"""
COLORS = ("red", "green", "blue", "grey", "black", "white", "brown", "pink")
SHAPES = ("tent", "rope", "stove", "boot", "lamp")


def row(number: int, output: str = "") -> dict[str, str]:
    thing = f"{COLORS[number % 8]} {SHAPES[number % 5]} number {number}"
    answer = output or f"We keep the {thing} on shelf {number * 7} of hall {number % 3}."
    return {
        "instruction": f"Where is the {thing}?",
        "output": answer,
        "customer": f"C-{number % 4}",
    }


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with rows.jsonl (one too long, one broken) and contract.toml."""
    folder = tmp_path_factory.mktemp("desk")
    rows = [json.dumps(row(number)) for number in range(40)]
    rows.insert(10, json.dumps(row(90, "Ask bo@example.org about it. " * 12)))
    rows.insert(20, '{"instruction": "cut, by eve@example.org')
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "contract.toml").write_text(CONTRACT)
    return folder


@pytest.fixture(scope="module")
def say(terminal: Terminal, desk: Path) -> Callable[..., str]:
    """Return a function that runs a command that must succeed, and gives what it printed."""

    def run(*words: str) -> str:
        ended = terminal(desk / "home", *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "example.org" not in ended.stdout + ended.stderr
        return ended.stdout

    return run


@pytest.fixture(scope="module")
def ingest(say: Callable[..., str], desk: Path) -> Callable[[], dict[str, int]]:
    """Return a function that ingests and gives the rows of the report's first table."""

    def run() -> dict[str, int]:
        words = ["--source", str(desk / "rows.jsonl"), "--contract", str(desk / "contract.toml")]
        said = say("ingest", *words, "--no-names", "--eval-sets", "safety")
        return {
            name.strip(): int(number.replace(",", ""))
            for name, number in re.findall(r"^\| ([a-z][^|]*) \| *([\d,]+) \|$", said, re.MULTILINE)
        }

    return run


def test_a_row_is_let_out_of_quarantine_and_a_person_is_forgotten(
    say: Callable[..., str], ingest: Callable[[], dict[str, int]], terminal: Terminal, desk: Path
) -> None:
    first = ingest()
    assert (first["rows in"], first["kept"], first["quarantined"]) == (42, 40, 2)

    listed = say("quarantine", "list")
    assert "2 rows in quarantine" in listed
    assert "rows.jsonl, line 11; contract: output_characters" in listed
    assert "rows.jsonl, line 21; bad JSON" in listed
    # A row that is no record cannot be let out, nor any without a word of who and why.
    numbers = dict(re.findall(r"^ +(\d+) +rows.jsonl, line (\d+)", listed, re.MULTILINE))
    of_line = {line: number for number, line in numbers.items()}
    assert "Ask <EMAIL_1> about it." in say("quarantine", "show", "--row", of_line["11"])
    for words in (
        ["--row", of_line["21"], "--person", "Ada", "--reason", "fine"],
        ["--row", of_line["11"]],
    ):
        refused = terminal(desk / "home", "quarantine", "release", *words)
        assert refused.returncode == 2
        assert "to do:" in refused.stderr
    release = [
        "quarantine",
        "release",
        "--row",
        of_line["11"],
        "--person",
        "Ada",
        "--reason",
        "a long answer is fine",
    ]
    assert "is released by Ada" in say(*release)
    again = terminal(desk / "home", *release)
    assert again.returncode == 2 and "released before, by Ada" in again.stderr
    assert "(released)" in say("quarantine", "list")

    second = ingest()
    assert (second["kept"], second["quarantined"]) == (41, 1)

    looked = say("forget", "--subject", "C-1", "--dry-run")
    assert "nothing recorded" in looked and "10 rows" in looked
    told = say("forget", "--subject", " c-1 ")
    assert "the request recorded" in told and "rows.jsonl, line 2 " in told
    assert "was recorded before" in say("forget", "--subject", "C-1")
    assert "No snapshot holds such a row" in say("forget", "--subject", "C-9", "--dry-run")

    third = ingest()
    assert third["rows in"] == 42 and third["kept"] == 31
    assert sum(count for name, count in third.items() if "forgotten" in name) == 10


def test_a_run_that_broke_its_contract_is_looked_into_and_goes_on_after_a_release(
    terminal: Terminal, desk: Path, tmp_path: Path
) -> None:
    (tmp_path / "strict.toml").write_text(CONTRACT + "[quarantine]\nmax_share = 0.03\n")
    words = ["ingest", "--source", str(desk / "rows.jsonl"), "--no-names"]
    words += ["--contract", str(tmp_path / "strict.toml")]

    def say(*words: str, code: int = 0) -> Ended:
        ended = terminal(tmp_path / "home", *words)
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "example.org" not in ended.stdout + ended.stderr
        return ended

    refused = say(*words, code=1).stderr
    assert "quarantined_share is 0.047619" in refused
    assert not list((tmp_path / "home/store/snapshot").glob("*/manifest.json"))
    told = re.search(r"`paddock (quarantine list --snapshot \w{16})`", refused)
    assert told
    listed = say(*told[1].split()).stdout
    assert "which broke its contract" in listed and "2 rows in quarantine" in listed
    page = re.search(r"file://(\S+/report\.html)", listed)
    assert page and "checks of the whole failed" in Path(page[1]).read_text()
    assert told[1][-16:] in say("quarantine", "list").stdout  # it is the newest

    number = re.findall(r"^ +(\d+) +rows.jsonl, line 11;", listed, re.MULTILINE)[0]
    shown = say("quarantine", "show", "--row", number).stdout
    assert shown.count("Ask <EMAIL_1> about it.") == 12  # the whole row
    release = ["release", "--row", number, "--person", "Ada", "--reason", "a long answer is fine"]
    assert "is released by Ada" in say("quarantine", *release).stdout

    assert re.search(r"\| kept +\| +41 \|", say(*words).stdout)
    assert len(list((tmp_path / "home/store/snapshot").glob("*/manifest.json"))) == 1
    newest = say("quarantine", "list").stdout
    assert "  Snapshot " in newest and "1 rows in quarantine" in newest


def test_a_row_leads_to_its_line_and_file(say: Callable[..., str], desk: Path) -> None:
    import pyarrow.parquet as pq

    path = next((desk / "home/store/snapshot").glob("*/data/train-*.parquet"))
    one = pq.read_table(path).to_pylist()[0]
    told = say("lineage", "--row", one["id"][:16])
    assert f"{one['source']}, line {one['line']} " in told
    digest = hashlib.sha256((desk / "rows.jsonl").read_bytes()).hexdigest()
    assert f"file digest {digest[:16]}" in told
    lines = (desk / "rows.jsonl").read_text().splitlines()
    assert json.loads(lines[one["line"] - 1])["instruction"] == one["instruction"]
