"""Measures and what they add up to: lengths, flags, labels, times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import DatasetContract, Language
from data_contracts.errors import ContractError
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.lengths import EDGES, bucket, bucket_end, quantile, token_count
from data_contracts.measures import RowFlags, label_digest, measure, read_time
from data_contracts.snapshot import tally
from data_contracts.snapshot.tally import Tally

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def contract(**change: Any) -> DatasetContract:
    return default_contract("instruction").model_copy(update=change)


def measured(output: str = "four", source: str = "", **more: Any) -> dict[str, Any]:
    record = InstructionRecord(instruction="two and two", input=source, output=output)
    return measure(record, "0" * 64, "train", 1, **more)


def test_buckets_cover_every_length_once() -> None:
    for length in [*range(2000), 10**9]:
        assert bucket(length) <= length < bucket_end(bucket(length))
    assert list(EDGES) == sorted(set(EDGES))


def test_quantiles_are_bounds() -> None:
    lengths = [3, 7, 7, 100, 5000]
    histogram = {bucket(length): 0 for length in lengths}
    for length in lengths:
        histogram[bucket(length)] += 1
    assert 7 <= quantile(histogram, 0.5) < 10
    assert quantile(histogram, 1) >= 5000
    assert quantile({}, 0.5) == 0


def test_tokens_are_counted_or_estimated() -> None:
    assert token_count(["four", "fives"]) == 3
    assert token_count(["a b c", "d"], lambda text: len(text.split())) == 4
    assert measured(tokens=99)["tokens"] == 99


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01 13:00:00+01:00",
        "2026-03-01T12:00",
        NOON,
        NOON * 1000,
        str(NOON),
        datetime.fromtimestamp(NOON, UTC),
        datetime(2026, 3, 1, 12),
    ],
)
def test_times_are_read_as_people_write_them(value: Any) -> None:
    assert read_time(value) == NOON


@pytest.mark.parametrize("value", [None, "", "soon", True, -1, float("nan"), 1e300, [], "nan"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert read_time(value) is None


def test_a_label_is_kept_as_a_digest() -> None:
    assert "jo" not in label_digest("jo@mail.example") != label_digest("al@mail.example")
    assert label_digest(None) == label_digest("") == ""


def test_rows_add_up() -> None:
    total = Tally(contract(language=Language(allowed=("en",))))
    flags = [
        RowFlags("en", 0.9, 0.95, ""),
        RowFlags("de", 0.9, 0.1, "override"),
        RowFlags("und", 0.1, 0.1, ""),
    ]
    for number, flag in enumerate(flags):
        label = label_digest("a" if number else "b")
        total.add(measured(flags=flag, label=label, time=NOON - number, source="in" * number))
    fields = total.fields()
    assert fields["flags"] == {"language": 1, "prompt_injection": 1, "toxic": 1}
    assert fields["languages"] == {"de": 1, "en": 1, "und": 1}
    assert fields["empty"] == {"history": 3, "input": 1}
    assert (fields["largest_label"], fields["timed"]) == (2, 3)
    assert fields["newest"] == "2026-03-01T12:00:00+00:00"
    assert fields["lengths"]["output_characters"] == {4: 3}


def test_labels_of_which_there_are_too_many_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_LABELS", 3)
    total = Tally(contract())
    with pytest.raises(ContractError, match="more than 3 different labels"):
        for number in range(4):
            total.add(measured(label=label_digest(number)))
