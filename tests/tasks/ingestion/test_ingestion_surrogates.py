"""Surrogates through real ingestion: the same rows whatever the shards, and no value in any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import load_contract
from data_contracts.contracts import DatasetContract
from data_contracts.snapshot.reading import SnapshotReport, read_rows
from tasks.ingestion.limits import Limits
from tasks.redaction.engine import Redactor, build_redactor
from tasks.redaction.kinds import PLACEHOLDER

THINGS = ("tent", "rope", "stove", "boot", "lamp", "mug", "axe", "sled", "net", "oar", "saw")
CLERKS = ("anna", "robert", "carla", "dirk", "eva")
BORN = {"C-1": "1987-05-12", "C-2": "1961-11-30"}


def contract_of(folder: Path, consistent: str) -> DatasetContract:
    path = folder / "desk.toml"
    path.write_text(
        f'kind = "instruction"\nrows.min = 1\n[redaction]\nconsistent = "{consistent}"\n'
        'default = "surrogate"\n[privacy]\nsubject = "customer"\n'
    )
    return load_contract(str(path))


def redactor_of(contract: DatasetContract) -> Redactor:
    policies = {str(kind): policy for kind, policy in contract.redaction.items()}
    consistent = contract.consistent == "data set"
    return build_redactor(names=False, policies=policies, consistent=consistent, key=b"k")


def row(number: int) -> dict[str, str]:
    who = f"C-{number % 2 + 1}"
    thing = THINGS[number % len(THINGS)]
    asked = f"Where is {thing} number {number}? Mail me: {CLERKS[number % 5]}.haldane@quillmark.io"
    said = f"On shelf {number * 7} of hall {number * 3}. You said you were born on {BORN[who]}."
    return {"instruction": asked, "output": said, "customer": who}


ROWS = [row(number) for number in range(44)]


def texts(out: Path) -> dict[str, tuple[str, str]]:
    """Return question and answer of the rows kept, by the thing's number."""
    rows = [(one["instruction"], one["output"]) for one in read_rows(out)]
    return {re.findall(r"number (\d+)", asked)[0]: (asked, said) for asked, said in rows}


@pytest.mark.parametrize("consistent", ["record", "data set"])
def test_the_same_rows_come_out_whatever_the_shards(
    run_ingest: Callable[..., SnapshotReport],
    write_jsonl: Callable[..., Path],
    tmp_path: Path,
    consistent: str,
) -> None:
    own = contract_of(tmp_path, consistent)
    more: dict[str, Any] = {"contract": own, "redactor": redactor_of(own)}
    whole = run_ingest(write_jsonl(ROWS), out=tmp_path / "whole", **more)
    cut = run_ingest(write_jsonl(ROWS), out=tmp_path / "cut", limits=Limits(shard_rows=5), **more)
    run_ingest(write_jsonl(ROWS[::-1], "back.jsonl"), out=tmp_path / "back", **more)
    run_ingest(write_jsonl(ROWS[:20], "first.jsonl"), out=tmp_path / "first", **more)
    assert whole.kept > 40 and whole.surrogates == whole.redacted == cut.surrogates
    assert set(whole.surrogates) == {"EMAIL", "DATE_OF_BIRTH"}
    every = texts(tmp_path / "whole")
    for other in ("cut", "back", "first"):
        found = texts(tmp_path / other)
        shared = found.keys() & every.keys()
        assert len(shared) >= min(len(found), 18)
        assert {key: found[key] for key in shared} == {key: every[key] for key in shared}
    mails = {re.findall(r"\S+@\S+", asked)[0] for asked, _ in every.values()}
    assert len(mails) == 5 if consistent == "data set" else len(mails) > 20


def test_no_value_and_no_placeholder_is_in_the_rows_and_reports_say_what_is(
    run_ingest: Callable[..., SnapshotReport], write_jsonl: Callable[..., Path], tmp_path: Path
) -> None:
    own = contract_of(tmp_path, "data set")
    broken = {"instruction": "", "output": "Ask clerk9.haldane@quillmark.io", "customer": "C-1"}
    rows = [*ROWS, broken]
    report = run_ingest(write_jsonl(rows), contract=own, redactor=redactor_of(own))
    out = tmp_path / "out"
    for path in out.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            assert b"haldane" not in data and b"quillmark" not in data, path
    kept = json.dumps([dict(one) for one in read_rows(out)], default=str)
    assert not PLACEHOLDER.search(kept) and not any(day in kept for day in BORN.values())
    # Whoever looks into the quarantine sees what was taken out.
    assert report.quarantined_rows == 1
    quarantine = b"".join(path.read_bytes() for path in out.glob("quarantine*"))
    assert b"Ask <EMAIL_" in quarantine
    assert "of these, another value (surrogate) stands for" in (out / "report.md").read_text()
    page = (out / "report.html").read_text()
    assert "surrogates in the rows kept, by kind" in page
    assert "its rows can be linked by it" in page


def test_a_customers_dates_move_by_the_same_days(
    run_ingest: Callable[..., SnapshotReport], write_jsonl: Callable[..., Path], tmp_path: Path
) -> None:
    own = contract_of(tmp_path, "record")
    run_ingest(write_jsonl(ROWS), contract=own, redactor=redactor_of(own))
    born: dict[int, set[str]] = {0: set(), 1: set()}
    for number, (_, said) in texts(tmp_path / "out").items():
        born[int(number) % 2].add(re.findall(r"born on (\S+)\.", said)[0])
    assert [len(days) for days in born.values()] == [1, 1]
    assert not (born[0] | born[1]) & set(BORN.values())
