"""A day is sealed once: sums, redaction, late rows, retention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ContractError
from tasks.inference_log.days import Compacted, complete_days, remove_raw, seal_day
from tasks.inference_log.items import NO_VERSION, OUTSIDE, Item
from tasks.inference_log.sealed import SealedDay, read_sealed, sealed_items, shards_in_use
from tasks.redaction.engine import Redactor
from tasks.storage.objects import LocalStore, ObjectStore, open_store
from tasks.storage.outputs import Outputs

Write = Callable[..., None]
Make = Callable[..., dict[str, Any]]
NOW = datetime(2026, 3, 5, tzinfo=UTC)
GRACE = timedelta(hours=2)
DAY = "2026-03-01"


@dataclass
class _Plain:
    """Redaction that takes nothing but one address, and says Italian is read by nobody."""

    texts: list[str]
    kinds: Counter[str] = field(default_factory=Counter[str])
    dropped_for: str | None = None
    unread: str = ""


class _Plainly:
    def redact_records(self, records: Sequence[Sequence[str]]) -> list[_Plain]:
        return [
            _Plain(
                [text.replace("ada@example.org", "<EMAIL_1>") for text in texts],
                dropped_for="IBAN" if "IBAN" in texts[0] else None,
                unread="it" if "quanto" in texts[0] else "",
            )
            for texts in records
        ]


def seal(store: ObjectStore, work: Path, redactor: Any = None) -> list[Compacted]:
    outputs = Outputs(store, work)
    days = list(complete_days(store, "desk", NOW, GRACE))
    build = _Plainly if redactor is None else lambda: redactor
    return [seal_day(outputs, day, {"rules": 1}, build) for day in days]


def rows_of(store: ObjectStore, day: str = DAY) -> dict[str, Item]:
    sealed = _sealed(store, day)
    return {item.identity: item for item in sealed_items(store, sealed)}


def _sealed(store: ObjectStore, day: str = DAY) -> SealedDay:
    sealed = read_sealed(store, "desk", day)
    assert sealed is not None
    counts = sealed.counts
    assert counts.rows == counts.kept + counts.quarantined + counts.duplicates
    return sealed


def test_every_row_is_kept_quarantined_by_its_reason_or_a_duplicate(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write
) -> None:
    write_log(store, f"{DAY}T14.jsonl", row(1), row(2), row(1), "oops ada@example.org", "[1]")
    write_log(
        store,
        f"{DAY}T15.pod-7.jsonl",
        *(row(3, 15, version=None), row(4, 15, prompt_tokens=-1), row(5, 14)),
        *(row(6, 15, prompt="quanto costa"), row(7, 15, prompt="IBAN"), row(2, 15)),
        row(8, 15, time="2026-02-27T10:00:00Z"),
    )
    (done,) = seal(store, tmp_path)
    counts = done.day.counts
    assert (done.new, counts.rows, counts.kept, counts.duplicates) == (True, 12, 3, 2)
    assert counts.held == {
        **{"bad JSON": 1, "not a JSON object": 1, NO_VERSION: 1, OUTSIDE: 1},
        "prompt_tokens is negative": 1,
        "in a language that no names model reads (it)": 1,
        "dropped for IBAN, as the contract says": 1,
    }
    rows = rows_of(store)
    assert rows["r5"].window == f"{DAY}T14"  # it came in a later hour's file
    assert (rows["r7"].row, rows["r7"].raw) == (None, "")
    assert "oops <EMAIL_1>" in {item.raw for item in rows.values()}
    manifest = Outputs(store, tmp_path).manifest(done.day.shard)
    assert manifest.counts == {"rows": 12, "kept": 3, "quarantined": 7, "duplicates": 2}
    assert [one.new for one in seal(store, tmp_path)] == [False]


def test_what_people_wrote_is_redacted_by_the_real_redactor(
    store: LocalStore,
    tmp_path: Path,
    row: Make,
    write_log: Write,
    redactor: Redactor,
    planted: dict[str, str],
) -> None:
    texts = [f"Please write to {value}." for value in planted.values()]
    secret = row(1, prompt=texts[0], answer=texts[1], id="ada@example.org 1", model="by ada@x.org")
    secret["messages"] = [{"role": "user", "content": text} for text in texts]
    secret["feedback"] = {"score": 1, "comment": texts[0], "corrected": texts[1]}
    secret["hits"] = ["mail of ada@example.org"]
    write_log(store, f"{DAY}T14.jsonl", secret, f'{{"broken": "{texts[0]}')
    (done,) = seal(store, tmp_path, redactor)
    folder = tmp_path / "store" / done.day.shard.key
    import pyarrow.parquet as pq

    said = str(pq.read_table(folder / "rows.parquet").to_pylist())
    said += (folder / "day.json").read_text() + (folder / "manifest.json").read_text()
    said += done.day.model_dump_json()
    assert "Please write to" in said
    assert "ada@" not in said
    raw = (tmp_path / "store/inference/desk" / f"{DAY}T14.jsonl").read_text()
    found = {name: value for name, value in planted.items() if value in raw}
    taken = {name for name, value in found.items() if value not in said}
    assert len(taken) >= 3
    expected = redactor.redact_records([[secret["prompt"], secret["answer"]]])[0].texts[0]
    assert expected in said


def test_a_value_that_the_cut_of_a_beginning_went_through_is_not_kept(
    store: LocalStore, tmp_path: Path, write_log: Write
) -> None:
    broken = "x" * 1990 + "ada@example.org" + "y" * 3000
    write_log(store, f"{DAY}T14.jsonl", broken)
    seal(store, tmp_path)
    (item,) = rows_of(store).values()
    assert (item.raw, item.held) == ("x" * 1800, "bad JSON")


def test_feedback_and_consent_may_come_behind_the_answer(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write
) -> None:
    rated = {"feedback": {"score": 1, "comment": "to ada@example.org"}, "consent": True}
    write_log(store, f"{DAY}T14.jsonl", row(1), row(2, **rated))
    write_log(store, f"{DAY}T15.jsonl", row(1, 15, **rated))
    seal(store, tmp_path)
    one, two = (rows_of(store)[name].row for name in ("r1", "r2"))
    assert one is not None and two is not None and one.feedback == two.feedback
    assert one.feedback is not None
    assert (one.feedback.good, one.feedback.comment, one.consent) == (1.0, "to <EMAIL_1>", True)
    write_log(store, f"{DAY}T16.jsonl", row(1, 16, thumbs="down", consent="withdrawn"))
    seal(store, tmp_path)
    one = rows_of(store)["r1"].row
    assert one is not None and one.feedback is not None
    assert (one.feedback.good, one.consent, one.feedback.comment) == (0.0, False, "to <EMAIL_1>")


@pytest.mark.parametrize("raw_days", [None, 3])
def test_late_rows_make_a_new_version_and_none_is_lost(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write, raw_days: int | None
) -> None:
    write_log(store, f"{DAY}T14.jsonl", row(1), "broken", row(2))
    (first,) = seal(store, tmp_path)
    gone = remove_raw(store, first.day, NOW, raw_days)
    assert gone == (0 if raw_days is None else 1)
    if raw_days is None:  # the file grew
        write_log(store, f"{DAY}T14.jsonl", row(1), "broken", row(2), row(3))
        wanted = (7, 3, 1, 3)
    else:  # a new file under its name has what came late
        write_log(store, f"{DAY}T14.jsonl", row(3), row(1))
        wanted = (5, 3, 1, 1)
    (second,) = seal(store, tmp_path)
    assert (second.new, second.day.version) == (True, 2)
    counts = _sealed(store).counts
    assert (counts.rows, counts.kept, counts.quarantined, counts.duplicates) == wanted
    assert {name for name in rows_of(store) if name.startswith("r")} == {"r1", "r2", "r3"}
    assert shards_in_use(store) == {second.day.shard.digest: f"the log of desk on {DAY}"}


def test_raw_files_go_only_when_their_time_is_over_and_as_they_were_sealed(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write
) -> None:
    write_log(store, f"{DAY}T14.jsonl", row(1))
    write_log(store, f"{DAY}T15.jsonl", row(2, 15))
    (done,) = seal(store, tmp_path)
    assert remove_raw(store, done.day, NOW, 30) == 0
    assert remove_raw(store, done.day, NOW, None) == 0
    write_log(store, f"{DAY}T15.jsonl", row(2, 15), row(3, 15))
    assert remove_raw(store, done.day, NOW, 1) == 1
    raw = [key for key in store.keys("inference/desk") if key.endswith(".jsonl")]
    assert raw == [f"inference/desk/{DAY}T15.jsonl"]
    (again,) = seal(store, tmp_path)
    assert remove_raw(store, again.day, NOW, 1) == 1
    assert set(rows_of(store)) == {"r1", "r2", "r3"}


def test_a_day_is_sealed_when_it_is_over(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write
) -> None:
    write_log(store, "2026-03-04T23.jsonl", row(1, time="2026-03-04T23:00:00Z"))
    write_log(store, "2026-03-05.jsonl", row(2, time="2026-03-05T00:00:00Z"))
    days = [day.day for day in complete_days(store, "desk", NOW, GRACE)]
    assert days == []
    later = NOW + GRACE
    assert [d.day for d in complete_days(store, "desk", later, GRACE)] == ["2026-03-04"]


def test_a_file_that_changes_while_it_is_read_is_no_shard(
    store: LocalStore, tmp_path: Path, row: Make, write_log: Write
) -> None:
    write_log(store, f"{DAY}T14.jsonl", row(1))

    class Slow(_Plainly):
        def redact_records(self, records: Sequence[Sequence[str]]) -> list[_Plain]:
            write_log(store, f"{DAY}T14.jsonl", row(1), row(2))
            return super().redact_records(records)

    with pytest.raises(ContractError, match="changed while it was read"):
        seal(store, tmp_path, Slow())
    assert read_sealed(store, "desk", DAY) is None
    seal(store, tmp_path)
    assert set(rows_of(store)) == {"r1", "r2"}


def test_on_s3_it_is_the_same(
    s3_server: Any, store: LocalStore, tmp_path: Path, row: Make, write_log: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    remote = open_store(f"s3://{s3_server.bucket}/log", s3_server.endpoint_url)
    for one in (store, remote):
        write_log(one, f"{DAY}T14.jsonl", row(1), row(1), "broken")
        write_log(one, f"{DAY}.jsonl", row(2))
    (here,), (there,) = seal(store, tmp_path / "a"), seal(remote, tmp_path / "b")
    assert here.day == there.day
    assert remove_raw(remote, there.day, NOW, 1) == 2
    assert list(rows_of(remote).values()) == list(rows_of(store).values())
