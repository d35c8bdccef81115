"""The files of a folder: rows, words about them, and the splits that their authors made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from data_contracts.errors import InputError
from data_contracts.snapshot.reading import SnapshotReport, read_rows
from tasks.ingestion.layout import split_named
from tasks.ingestion.limits import Limits
from tasks.ingestion.readers import read_rows as rows_of
from tasks.ingestion.sources import resolve

Run = Callable[..., SnapshotReport]
ROWS = [{"instruction": f"add {n} and one", "output": f"it is {n + 1}"} for n in range(60)]
CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: "data/part-*.jsonl"
  - split: test
    path: [held/*.jsonl]
  - split: unsupervised
    path: more/*.jsonl
---
# Sums
"""


def lines(rows: Iterable[Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def roles(folder: Path) -> dict[str, str | None]:
    return {file.name: file.role for file in resolve(str(folder)).files}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/test_sft-00000-of-00001.parquet", "test"),
        ("my-VALID.csv", "validation"),
        ("dev/rows.jsonl", "validation"),
        ("eval.json.gz", "test"),
        ("sums val 3.csv", "validation"),
        ("test/train.jsonl", "test"),
        ("contest.jsonl", None),
        ("latest/evaluations.csv", None),
        ("trainers.jsonl", None),
    ],
)
def test_names_of_splits(name: str, split: str | None) -> None:
    assert split_named(name) == split


def test_a_clone_of_a_hub_data_set(run_ingest: Run, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "hub",
        {
            "data/train-00000-of-00001.jsonl": lines(ROWS[:40]),
            "data/test-00000-of-00001.jsonl": lines(ROWS[30:50]),
            "dataset_infos.json": json.dumps({"default": {"splits": {}}}, indent=1),
            "README.md": "# Sums",
            ".gitattributes": "*.parquet filter=lfs",
            ".git/x.json": "{}",
        },
    )
    report = run_ingest(folder)
    assert report.notes == (
        "not read, for they say something of the rows, or are a library's own: "
        "README.md, dataset_infos.json",
    )
    assert report.splits_given == {"test": 20, "train": 40}
    # Of a row that is in both, the one that is trained on goes.
    assert (report.rows_in, report.kept, report.duplicates) == (60, 50, 10)
    assert report.splits["test"] == 20
    test = {row["source"] for row in read_rows(tmp_path / "out") if row["split"] == "test"}
    assert test == {"data/test-00000-of-00001.jsonl"}
    said = (tmp_path / "out/report.md").read_text()
    assert "| test | 20 |" in said and "dataset_infos.json" in said


def test_all_splits_of_the_authors(run_ingest: Run, tmp_path: Path) -> None:
    files = {"train.jsonl": ROWS[:40], "dev.jsonl": ROWS[40:45], "test.jsonl": ROWS[45:]}
    folder = write(tmp_path / "three", {name: lines(rows) for name, rows in files.items()})
    report = run_ingest(folder)
    assert report.splits == {"train": 40, "validation": 5, "test": 15}
    limited = run_ingest(folder, max_rows=40, out=tmp_path / "limited")
    assert limited.rows_in == 40
    assert limited.splits == {"train": 32, "validation": 4, "test": 4}


def test_held_out_files_alone_are_refused_but_a_file_itself_is_taken(
    run_ingest: Run, tmp_path: Path
) -> None:
    folder = write(tmp_path / "only", {"test.jsonl": lines(ROWS)})
    with pytest.raises(InputError, match=r"named as test or validation \(test.jsonl\)") as told:
        resolve(str(folder))
    assert "give one file itself" in told.value.remedy
    report = run_ingest(folder / "test.jsonl")
    assert report.splits["train"] > 40
    assert "was given itself" in report.notes[0] and "says test" in report.notes[0]


def test_the_readme_says_which_files_are_which(tmp_path: Path) -> None:
    names = ["data/part-1.jsonl", "held/a.jsonl", "more/b.jsonl", "data/old/part-1.jsonl"]
    folder = write(
        tmp_path / "card", {name: lines(ROWS[:5]) for name in names} | {"README.md": CARD}
    )
    assert roles(folder) == {"data/part-1.jsonl": "train", "held/a.jsonl": "test"}
    assert resolve(str(folder)).notes == (
        "not read, for README.md names them neither to train on nor as held out: "
        "data/old/part-1.jsonl, more/b.jsonl",
        "not read, for they say something of the rows, or are a library's own: README.md",
    )
    several = CARD.replace("---\n#", "- config_name: b\n  data_files: b.jsonl\n---\n#")
    (folder / "README.md").write_text(several)
    assert len(roles(folder)) == 2, "the default one"
    (folder / "README.md").write_text(several.replace("config_name: default", "config_name: a"))
    with pytest.raises(InputError, match=r"describes 2 data sets \(a, b\)"):
        resolve(str(folder))
    (folder / "README.md").write_text("---\nconfigs: [\n---\n")
    with pytest.raises(InputError, match=r"the head of README.md cannot be read"):
        resolve(str(folder))


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("part-[0-9].jsonl", ["part-1.jsonl", "part-2.jsonl"]),
        ("part-[!1x].jsonl", ["part-2.jsonl"]),
        ("part-[1.jsonl", ["part-[1.jsonl"]),
    ],
)
def test_a_pattern_of_the_readme_may_name_characters(
    tmp_path: Path, pattern: str, named: list[str]
) -> None:
    names = ("part-1.jsonl", "part-2.jsonl", "part-x.jsonl", "part-[1.jsonl")
    card = f"---\nconfigs:\n- config_name: default\n  data_files: '{pattern}'\n---\n"
    folder = write(tmp_path / "card", dict.fromkeys(names, lines(ROWS[:5])) | {"README.md": card})
    assert list(roles(folder)) == named


def test_words_about_the_rows_are_none_and_each_file_has_its_own_reason(tmp_path: Path) -> None:
    files = {"rows.jsonl": lines(ROWS[:5]), "croissant.json": "{}", "scan.pdf": "%PDF-1.4"}
    folder = write(tmp_path / "mixed", files)
    assert list(roles(folder)) == ["rows.jsonl"]
    assert resolve(str(folder)).notes == (
        "not read, for they say something of the rows, or are a library's own: croissant.json",
        "not read, for their format is none that is read: scan.pdf",
    )


def test_a_folder_that_the_readme_names_is_the_only_one_read(tmp_path: Path) -> None:
    names = ["en/train.jsonl", "en/test.jsonl", "fr/train.jsonl", "raw/train.jsonl"]
    one = "---\nconfigs:\n- config_name: en\n  data_dir: en\n"
    files: dict[str, Any] = {name: lines(ROWS[:5]) for name in names}
    folder = write(tmp_path / "dirs", files | {"README.md": f"{one}---\n"})
    assert roles(folder) == {"en/train.jsonl": "train", "en/test.jsonl": "test"}
    (folder / "README.md").write_text(f"{one}- config_name: fr\n  data_dir: fr\n---\n")
    with pytest.raises(InputError, match=r"describes 2 data sets \(en, fr\)"):
        resolve(str(folder))
    (folder / "README.md").write_text("---\nconfigs:\n- config_name: a\n  data_dir: away\n---\n")
    with pytest.raises(InputError, match="names are not there"):
        resolve(str(folder))


def test_what_save_to_disk_wrote(run_ingest: Run, tmp_path: Path) -> None:
    splits: Any = {"train": Dataset.from_list(ROWS[:45]), "test": Dataset.from_list(ROWS[45:])}
    folder = tmp_path / "saved"
    DatasetDict(splits).save_to_disk(str(folder), num_shards={"train": 3, "test": 1})
    (folder / "train" / "cache-0123.arrow").write_bytes(b"of a map")
    (folder / "train" / "data-00009-of-00010.arrow").write_bytes(b"of an earlier save")
    assert set(roles(folder).values()) == {"train", "test"}
    report = run_ingest(folder)
    assert (report.rows_in, report.kept, report.quarantined_rows) == (60, 60, 0)
    assert report.splits["test"] == 15
    assert "cache-0123.arrow" in report.notes[0] and "state.json" in report.notes[0]
    (folder / "test" / "data-00000-of-00001.arrow").unlink()
    (folder / "test" / "data-1.arrow").write_bytes(b"")
    with pytest.raises(InputError, match=r"test/data-00000-of-00001.arrow is not there"):
        resolve(str(folder))


def test_arrow_is_read_as_a_stream_and_damage_is_said(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.feather as feather

    table = pa.Table.from_pylist(ROWS)
    feather.write_feather(table, str(tmp_path / "file.arrow"), compression="zstd")
    with pa.ipc.new_stream(tmp_path / "stream.arrow", table.schema) as out:
        out.write_table(table, max_chunksize=7)
    for name in ("file.arrow", "stream.arrow"):
        found = list(rows_of(resolve(str(tmp_path / name)), tmp_path / "scratch", Limits()))
        assert [row.value for row in found] == ROWS
        assert [row.line for row in found] == list(range(1, 61))
    whole = (tmp_path / "stream.arrow").read_bytes()
    for damage in (b"no arrow at all", whole[: len(whole) // 2]):
        (tmp_path / "bad.arrow").write_bytes(damage)
        with pytest.raises(InputError, match="Arrow file cannot be read"):
            list(rows_of(resolve(str(tmp_path / "bad.arrow")), tmp_path / "scratch", Limits()))


def test_s3_reads_what_a_folder_reads_in_the_same_order(s3_server: Any, tmp_path: Path) -> None:
    names = [
        "a.jsonl", "a/b.jsonl", "a-b/c.csv", "B/d.jsonl", ".hidden/e.jsonl", "f/.g.jsonl",
        "_delta_log/0.json", "test/h.jsonl", "dataset_infos.json", "notes.txt",
    ]  # fmt: skip
    folder = write(tmp_path / "set", {name: lines(ROWS[:3]) for name in names})
    prefix = secrets.token_hex(6)
    for name in names:
        key = f"{prefix}/{name}"
        s3_server.client.put_object(
            Bucket=s3_server.bucket, Key=key, Body=(folder / name).read_bytes()
        )
    here = resolve(str(folder))
    there = resolve(f"s3://{s3_server.bucket}/{prefix}", s3_server.endpoint_url)
    assert [(one.name, one.role) for one in here.files] == [
        ("B/d.jsonl", None),
        ("a/b.jsonl", None),
        ("a-b/c.csv", None),
        ("a.jsonl", None),
        ("test/h.jsonl", "test"),
    ]
    assert [(one.name, one.role) for one in there.files] == [
        (one.name, one.role) for one in here.files
    ]
    assert (there.digest, there.notes) == (here.digest, here.notes)
