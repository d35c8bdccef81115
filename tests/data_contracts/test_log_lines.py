"""Lines of a log that are read at once: what that takes, and that it says what `read_row` says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from data_contracts.inference_log import FIELDS, LogRow, read_row
from data_contracts.log_lines import PlainRows, plain_row

PLAIN = {"id": "r1", "time": "2026-03-01T14:00:00Z", "model": "m", "prompt": "p", "answer": "a"}
NOT_A_NUMBER = float("nan")
# Of each field what is right, in every form, and what is not.
VALUES: dict[str, list[Any]] = {
    "id": ["r1", 7, -0, 10**30, "", True, 1.5, None, "a@b.c", "é"],
    "time": [
        *("2026-03-01T14:00:00Z", "2026-03-01 14:00:00.123456789+02:00", "2026-03-01T14:00Z"),
        *("2026-03-01T14:00:00", "2026-03-01", "1772323200", 1772323200, 1772323200123.5, "x"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *(
            "2026-13-01T00:00:00Z",
            "2026-03-01T23:59:60Z",
            "20260301T140000Z",
            None,
            True,
            -1,
            1e300,
        ),
    ],
    "model": ["m", "m/3", "", 3, None],
    "prompt": [
        "p",
        " p ",
        "    code",
        "  a\n  b",
        "\n\n x",
        "p\x1c",
        " ",
        "",
        "\u2003p\u200b",
        1,
        None,
    ],
    "answer": ["", " ", "a", "\ud83d\ude00", "\ud800", None, 3],
    "version": ["3", 3, "v3", -3, 3.0, True, None, 10**30, []],
    "model_version": ["3", 3, 4],
    "weights": ["d" * 64, 7, "a b", None],
    "tenant": ["t", "", "a@b.c", "t\n", "x" * 201, 7, 7.5, None],
    "variant": ["champion", "", "other", None],
    "prompt_tokens": [5, 5.0, 5.5, -1, 10**8, True, "5", None],
    "input_tokens": [5, 6, None],
    "output_tokens": [4, 4.0],
    "answer_tokens": [4],
    "truncated": [True, False, "yes", "no", 1, 2, None],
    "consent": [True, "granted", "withdrawn", 0, None],
    "ttft": [0.1, 1, -1, "1", NOT_A_NUMBER, None],
    "ttft_ms": [100, 100.0, 250],
    "seconds": [0.5, 0, 7e5, float("inf"), None],
    "total_seconds": [0.5, 0.05],
    "finish_reason": ["stop", "length", "a b", None],
    "cost": [0.1, 0, -0.1, 2e6, None],
    "feedback": [
        *(
            "up",
            True,
            {"score": 0.5},
            {"rating": 2},
            {"stars": 4, "comment": " ok "},
            ["up", "down"],
        ),
        *({"score": NOT_A_NUMBER}, {"score": 1, "id": NOT_A_NUMBER}, {"other": 1}, None),
    ],
    "hits": [["d", 2], [{"id": "d", "score": 0.5}], [{"id": "d", "text": NOT_A_NUMBER}], "d", []],
    "messages": [[{"role": "user", "content": "NaN"}], [{"role": "user", "content": ""}], [], None],
    "novel": [1, NOT_A_NUMBER, None],
}
FORMS = {name: st.sampled_from(values) for name, values in VALUES.items()}
ROWS = st.fixed_dictionaries({}, optional=FORMS).map(lambda odd: {**PLAIN, **odd})
FEW = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 20), max_size=3).map(
    lambda odd: {**PLAIN, **{name: VALUES[name][n % len(VALUES[name])] for name, n in odd.items()}}
)


def looked_at(line: bytes) -> tuple[LogRow | None, bool]:
    """Return what the contract makes of a line, and whether it has fields that nobody reads."""
    try:
        value = from_json(line.decode(), allow_inf_nan=False)
    except ValueError:
        return None, False
    row = read_row(value) if isinstance(value, dict) else None
    return (row if isinstance(row, LogRow) else None), not FIELDS.issuperset(value)


def agrees(line: bytes) -> bool:
    """Hold what is read at once against the contract; tell whether it was read at once."""
    if (row := plain_row(line)) is None:
        return False
    expected, unknown = looked_at(line)
    assert not unknown
    assert expected is not None
    assert row == expected
    assert repr(row) == repr(expected)  # 1 == True == 1.0, and these are not the same
    assert row.model_dump_json() == expected.model_dump_json()
    assert type(row) is type(expected)
    return True


@settings(max_examples=600, deadline=None)
@given(st.one_of(FEW, ROWS), st.booleans())
def test_what_is_read_at_once_is_what_the_contract_says(row: dict[str, Any], ascii: bool) -> None:
    agrees(json.dumps(row, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(FEW, st.data())
def test_a_damaged_line_is_never_read_as_another_row(row: dict[str, Any], data: Any) -> None:
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(start + 6, len(line))))
    damage = st.sampled_from([b"", b'"', b"}", b",", b"\xff", b"NaN", b" x", b'{"id":"r2"}', b"1"])
    agrees(line[:start] + data.draw(damage) + line[end:])


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"a","id":"r1",%b',
        b'{"id":3,"id":"r1",%b',
        b'{"ttft":1,"ttft":0.5,%b',
        b'{"version":"2","version":3,%b',
        b'{"consent":false,"consent":true,%b',
    ],
)
def test_of_a_name_twice_the_last_one_counts_as_before(line: bytes) -> None:
    assert agrees(line % json.dumps(PLAIN).encode()[1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("id", 7), ("version", 3), ("version", "v3"), ("prompt", " p "), ("prompt", "    code")),
        *(("time", "2026-03-01T14:00:00.5+02:00"), ("time", 1772323200), ("time", "1772323200.5")),
        *(("ttft", 0.5), ("completion_tokens", 3), ("total_seconds", 1), ("tenant_id", "t")),
        *(("truncated", True), ("consent", "granted"), ("thumbs", "up"), ("seconds", None)),
        *(("hits", [{"id": "d", "score": 0.5}]), ("feedback", {"stars": 4, "comment": "ok"})),
        *(("tenant", None), ("version", None), ("variant", None), ("hits", None), ("cost", None)),
        ("messages", [{"role": "user", "content": "p"}]),
    ],
)
def test_what_servers_write_is_read_at_once(name: str, value: Any) -> None:
    assert agrees(json.dumps({**PLAIN, name: value}).encode())


@pytest.mark.parametrize(
    "more",
    [
        *({"novel": 1}, {"ttft": 0.1, "time_to_first_token": 0.1}, {"ttft_ms": 5}),
        *(
            {"ttft": 2, "seconds": 1},
            {"hits": [{"id": "d", "text": NOT_A_NUMBER}]},
            {"id": None},
        ),
        *({"id": ""}, {"prompt": " "}, {"time": "0001-01-01T00:00:00+14:00"}, {"cost": -1}),
    ],
)
def test_what_needs_a_closer_look_is_left_to_it(more: dict[str, Any]) -> None:
    assert plain_row(json.dumps({**PLAIN, **more}).encode()) is None


def test_a_file_of_another_form_is_hardly_tried_until_its_form_changes() -> None:
    plain, other = (json.dumps({**PLAIN, **more}).encode() for more in ({}, {"novel": 1}))
    read = PlainRows()
    assert read(plain) is not None
    assert all(read(other) is None for _ in range(100))
    again = [read(plain) is not None for _ in range(40)]
    assert again.index(True) < 32
    assert all(again[again.index(True) :])
    mixed = PlainRows()
    assert [mixed(line) is not None for line in (plain, other) * 50] == [True, False] * 50
