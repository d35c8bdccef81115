"""What becomes of rows that are not kept: near-duplicates, people to forget, policies, releases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import DatasetContract, Privacy, Range
from data_contracts.snapshot.reading import (
    SnapshotReport,
    read_duplicates,
    read_quarantine,
    read_records,
)
from data_contracts.snapshot.row_files import read_row_file
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.limits import Limits
from tasks.ingestion.similarity import Bands, signature, similarity
from tasks.ingestion.subjects import subject_hash

Run = Callable[..., SnapshotReport]
Write = Callable[..., Path]
DATA = Path(__file__).resolve().parents[4] / "shared/data"
STORY = [f"word{n} tells number {n * n} to its neighbour" for n in range(12)]


def contract(**changes: Any) -> DatasetContract:
    return default_contract("instruction").model_copy(update=changes)


def told(number: int, change: str = "") -> dict[str, str]:
    lines = [f"{number} {line} of {number}" for line in STORY]
    return {"instruction": f"Repeat story {number}.", "output": " ".join([*lines, change])}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_near_duplicates_are_dropped_shown_and_redacted(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    mail = "written by marjorie.haldane@mail.example"
    rows = [told(n, mail) for n in range(20)] + [told(3, "by somebody else"), told(3, mail)]
    report = run_ingest(write_jsonl(rows))
    assert (report.kept, report.near_duplicates, report.duplicates) == (20, 1, 1)
    (example,) = report.examples.near_duplicates
    assert (example.line, example.of_line) == (21, 4)
    near, same = sorted(read_duplicates(tmp_path / "out"), key=lambda row: row["line"])
    kept = dict(read_records(tmp_path / "out"))
    assert (near["line"], near["reason"]) == (21, "nearly the same as another row")
    assert (same["line"], same["reason"]) == (22, "the same as another row")
    assert near["same_as"] == same["same_as"] == same["id"] == example.of_id
    assert "story 3." in str(kept[near["same_as"]])
    assert "by somebody else" in near["row"]
    assert example.similarity >= 0.8
    assert example.text[:40] == example.of_text[:40]
    assert "haldane" not in report.model_dump_json()
    # A person may say that it is no duplicate.
    again = run_ingest(write_jsonl(rows), released=frozenset({near["id"]}))
    assert (again.kept, again.near_duplicates, again.duplicates) == (21, 0, 1)


def test_a_contract_says_what_is_near(run_ingest: Run, write_jsonl: Write) -> None:
    rows = [told(n) for n in range(20)] + [told(3, "and then they all went home again")]
    strict = contract(duplicates=default_contract("instruction").duplicates)
    lax = strict.model_copy(
        update={"duplicates": strict.duplicates.model_copy(update={"threshold": 0.99})}
    )
    assert run_ingest(write_jsonl(rows), contract=strict).near_duplicates == 1
    assert run_ingest(write_jsonl(rows), contract=lax).near_duplicates == 0


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_bands_find_nearly_every_pair_at_the_threshold(threshold: float) -> None:
    bands = Bands(threshold)
    assert bands.rows * bands.count <= 128
    assert 1 - (1 - threshold**bands.rows) ** bands.count >= 0.995
    assert len(set(bands.keys(signature(["one two three four"])))) == bands.count


def test_signatures_estimate_the_share_of_common_shingles() -> None:
    words = [f"w{n}" for n in range(400)]
    whole = signature([" ".join(words)])
    assert similarity(whole, signature([" ".join(words).upper() + "!"])) == 1
    half = similarity(whole, signature([" ".join(words[:200])]))
    assert half == pytest.approx(0.5, abs=0.12)
    assert similarity(whole, signature([" ".join(reversed(words))])) < 0.05
    assert signature(["...", "  "]) == b""
    assert (
        similarity(signature(["東京は日本の首都です"]), signature(["東京は日本の首都です。"])) == 1
    )


def test_what_everybody_says_does_not_slow_the_search(tmp_path: Path) -> None:
    """A thousand rows that share bands with each other are each compared with a few only."""
    seen = SeenRows(tmp_path / "seen.sqlite", 0.95)
    common = " ".join(f"c{n}" for n in range(60))
    for number in range(1000):
        text = f"{common} {' '.join(f'{number}x{n}' for n in range(8))}"
        signed = signature([text])
        row = seen.add(Seen("s", number, "", [("text", text)], signed))
        assert seen.nearly(row, signed) is None
    seen.close()


def test_rows_of_people_to_be_forgotten_are_left_out_of_everything(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    rows: list[Any] = [told(n) | {"customer": f"C{n % 25}"} for n in range(50)]
    rows.append({"instruction": 7, "customer": "c3 "})
    source = write_jsonl(rows)
    personal = contract(privacy=Privacy(subject="customer"))
    gone = frozenset({subject_hash("C3", b"key"), subject_hash("somebody else", b"key")})
    report = run_ingest(source, contract=personal, forgotten=gone)
    assert (report.forgotten, report.kept, report.quarantined_rows) == (3, 48, 0)
    files = [*(tmp_path / "out/data").iterdir(), tmp_path / "out/quarantine.parquet"]
    everything = [str(row) for file in files for row in read_row_file(file)]
    assert len(everything) == 48
    subjects = {"C3": 0, "C4": 2}
    for subject, count in subjects.items():
        hashed = subject_hash(subject, b"key")
        assert sum(hashed in row for row in everything) == count
        assert not any(f"'{subject}'" in row for row in everything)
    # Without a subject in the contract nobody's rows are known.
    assert run_ingest(source, forgotten=gone).forgotten == 0


def test_a_policy_may_drop_the_row(run_ingest: Run, write_jsonl: Write, tmp_path: Path) -> None:
    from tasks.redaction.engine import build_redactor

    rows = [told(n, "by x@mail.example" if n % 5 == 0 else "") for n in range(40)]
    redactor = build_redactor(names=False, policies={"EMAIL": "drop"})
    report = run_ingest(write_jsonl(rows), redactor=redactor)
    assert (report.dropped_by_policy, report.kept, report.redacted) == (8, 32, {})


def test_a_released_row_is_kept(run_ingest: Run, write_jsonl: Write, tmp_path: Path) -> None:
    source = write_jsonl([told(n) for n in range(20)] + [told(99, "long " * 300)])
    lengths = default_contract("instruction").lengths | {"output_characters": Range(max=1500)}
    short = contract(lengths=lengths)
    report = run_ingest(source, contract=short)
    assert (report.kept, report.quarantined_rows) == (20, 1)
    (held,) = read_quarantine(tmp_path / "out")
    assert held["row"].count("long") == 300  # whole: nobody releases what they cannot read
    again = run_ingest(source, contract=short, released=frozenset({held["id"]}))
    assert (again.kept, again.quarantined_rows) == (21, 0)


def test_what_is_counted_does_not_depend_on_where_the_source_is_cut(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    rows: list[Any] = [told(n % 30, f"by p{n}@mail.example") for n in range(60)]
    rows[11] = b"broken"
    rows[13] = {"instruction": "Copy this.", "output": "one two three " * 20}
    reports: list[str] = []
    for cut in (300, 5000, 1 << 30):
        out = tmp_path / f"out-{cut}"
        limits = Limits(shard_bytes=cut, shard_rows=9)
        leaks = ["one two three " * 5]
        run_ingest(write_jsonl(rows), out=out, limits=limits, evaluation_texts=leaks)
        reports.append(json.dumps(digests(out), sort_keys=True))
    assert len(set(reports)) == 1


@pytest.mark.skipif(not DATA.exists(), reason="the shared real data is not here")
def test_real_rows_with_names_are_the_same_bytes_however_cut(
    run_ingest: Run, redactor: Any, tmp_path: Path
) -> None:
    lines = (DATA / "gsm8k/test.jsonl").read_bytes().splitlines(keepends=True)[:120]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(lines))
    found: list[dict[str, str]] = []
    for cut in (8000, 1 << 30):
        out = tmp_path / f"out-{cut}"
        run_ingest(
            tmp_path / "rows.jsonl",
            out=out,
            redactor=redactor,
            mapping={"instruction": "question", "output": "answer"},
            limits=Limits(shard_bytes=cut),
        )
        found.append(digests(out))
    assert found[0] == found[1]
