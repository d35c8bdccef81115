"""Hostile records, made up by Hypothesis: every row is accounted for and nothing raw is written.

A row is a line of text that may be anything: broken JSON, odd types, deep nesting, odd characters,
personal values in odd places. The long run (`-m slow`) takes 50,000 of them.
"""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from data_contracts.contract_files import default_contract
from data_contracts.snapshot.reading import (
    SnapshotReport,
    read_quarantine,
    read_records,
    read_report,
)
from tasks.ingestion.assembly import Assembly, WorkedShard, assemble
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.limits import Limits
from tasks.ingestion.rules import RowRules, Tools
from tasks.ingestion.shard_work import work_on_shard
from tasks.ingestion.sources import parts, resolve

PLANTED = ("marjorie.haldane@mail.example", "778-62-8144", "DE89370400440532013000")
LIMITS = Limits(row_bytes=100_000, shard_bytes=200_000)

plain = st.text(max_size=60) | st.sampled_from(["", " ", "\0", "\ud800", "a\u202eb", "\ufeff"])
# No words before a value: "part 778-62-8144" is a part's number, and rightly left.
odd = st.text(
    st.characters(exclude_characters=ascii_letters, exclude_categories=["Cs"]), max_size=9
)
planted = st.builds("{}; {}".format, odd, st.sampled_from(PLANTED))
texts = plain | planted
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
roles = st.sampled_from(["user", "assistant", "system", "human", "gpt", "wizard", ""]) | anything
turns = st.lists(st.fixed_dictionaries({"role": roles, "content": anything | texts}), max_size=5)
good = st.fixed_dictionaries(
    {
        "messages": st.tuples(
            st.fixed_dictionaries({"role": st.just("user"), "content": texts}),
            st.fixed_dictionaries({"role": st.just("assistant"), "content": texts}),
        )
    }
)
words = st.sampled_from(
    ["when", "should", "the", "old", "pump", "stop", "if", "water", "gets", "low"]
)
sentences = st.lists(words, min_size=6, max_size=12).map(" ".join)
sound = st.fixed_dictionaries(
    {
        "messages": st.tuples(
            st.fixed_dictionaries({"role": st.just("user"), "content": sentences}),
            st.fixed_dictionaries({"role": st.just("assistant"), "content": sentences}),
        )
    }
)
rows = good | st.fixed_dictionaries({"messages": turns | anything}) | anything
nested = st.integers(1, 3000).map(lambda deep: b'{"messages":' + b"[" * deep)
raw = st.binary(max_size=80) | nested | st.just(b"x" * 200_000)


def as_line(row: Any) -> bytes:
    return json.dumps(row).encode("utf-8")


def cut_line(row: Any) -> bytes:
    return as_line(row)[:-2]


lines = rows.map(as_line) | raw | rows.map(cut_line)


def one_line(data: bytes) -> bytes:
    return data.replace(b"\n", b" ") + b"\n"


def write_hostile(path: Path, count: int) -> None:
    """Write `count` different lines: what Hypothesis draws, and then spliced from two of those."""
    drawn: list[bytes] = []

    @seed(count)
    @settings(
        max_examples=-(-count // 20),
        phases=[Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
        deadline=None,
        database=None,
    )
    @given(st.lists(lines, min_size=19, max_size=19), sound)
    def draw(batch: list[bytes], sound_row: Any) -> None:
        # What is drawn follows the modules that are loaded; some rows must pass whatever it is.
        drawn.extend(map(one_line, [*batch, as_line(sound_row)]))

    draw()
    found = dict.fromkeys(drawn[:count])  # in their order, and each once: it repeats itself
    first, rng = list(found), random.Random(7)
    while len(found) < count:
        one, other = rng.choice(first), rng.choice(first)
        # A space, so that a value that begins the second part still stands by itself.
        found[one[: rng.randrange(len(one))] + b" " + other[rng.randrange(len(other)) :]] = None
    path.write_bytes(b"".join(found))


@pytest.fixture(scope="module")
def redactor() -> Any:
    from tasks.redaction.engine import build_redactor

    return build_redactor(names=False)


def ingest(path: Path, redactor: Any, out: Path) -> SnapshotReport:
    source = resolve(str(path), limits=LIMITS)
    # Any share of hostile rows may be quarantined here; that the usual limit stops is tested.
    usual = default_contract("chat")
    lax = usual.model_copy(
        update={"quarantine": usual.quarantine.model_copy(update={"max_share": 1})}
    )
    rules = RowRules(contract=lax, mapping={}, leaks=EvaluationTexts([]), limits=LIMITS)

    def shards() -> Iterator[WorkedShard]:
        for number, part in enumerate(parts(source)):
            folder = out.with_name(f"{out.name}-shard-{number}")
            folder.mkdir()
            work_on_shard(part, rules, Tools(redactor), folder)
            yield WorkedShard(part.name, part.first_line, folder)

    plan = Assembly(
        contract=lax, mapping={}, given=str(path), sources=source.digests, limits=LIMITS
    )
    return assemble(plan, shards(), out)


def planted_few(folder: Path) -> Path:
    path = folder / "few.jsonl"
    turns = [{"role": role, "content": f"hello {role}"} for role in ("user", "assistant")]
    path.write_bytes(
        b"".join(
            one_line(as_line({"messages": [*turns, {"role": "user", "content": f"{n}"}]}))
            for n in range(40)
        )
    )
    return path


@pytest.mark.parametrize(
    "count", [3000, pytest.param(50_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_hostile_records_are_accounted_for_and_nothing_raw_is_written(
    count: int, redactor: Any, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    write_hostile(path, count)
    blank = sum(not line.strip() for line in path.read_bytes().split(b"\n")[:-1])
    ingest(planted_few(tmp_path), redactor, tmp_path / "warm")  # libraries are loaded once
    tracemalloc.start()
    report = ingest(path, redactor, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert report.rows_in == count - blank
    assert sum(report.fates.values()) == report.rows_in
    assert read_report(tmp_path / "out") == report
    assert report.kept > count // 200
    assert report.quarantined_rows > count // 10
    held = list(read_quarantine(tmp_path / "out"))
    assert len(held) == report.quarantined_rows
    assert all(row["id"] or len(row["row"]) <= LIMITS.beginning_characters for row in held)
    assert peak < 150 << 20
    everything = "".join(f"{record}" for _, record in read_records(tmp_path / "out"))
    everything += "".join(f"{row}" for row in held) + report.model_dump_json()
    assert [value for value in PLANTED if value in everything] == []
    for file in (p for p in tmp_path.rglob("*") if p.is_file() and p != path):
        data = file.read_bytes()
        assert [value for value in PLANTED if value.encode() in data] == [], file


@pytest.mark.parametrize("where", ["shard work", "assembly"])
def test_an_error_in_the_work_quotes_no_row(where: str, redactor: Any, tmp_path: Path) -> None:
    """A redactor that cannot cope raises with the text in its message; ours has none of it."""
    from data_contracts.errors import UnexpectedError

    class Raising:
        def redact_records(self, records: Any, subjects: Any = ()) -> Any:
            raise ValueError(f"cannot take {records}")

        def redact_text(self, text: str) -> str:
            raise ValueError(f"cannot take {text}")

    secret = PLANTED[0]
    row = {"messages": [{"role": "user", "content": secret}]}
    if where == "assembly":
        row["messages"].append({"role": "assistant", "content": secret})
    path = tmp_path / "rows.jsonl"
    path.write_bytes(as_line(row) + b"\n")
    with pytest.raises(UnexpectedError) as caught:
        ingest(path, Raising(), tmp_path / "out")
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
