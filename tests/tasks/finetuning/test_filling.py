"""How full packed rows are, and how evenly a step's rows cost."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import record_id
from model_registry.model_files import load_tokenizer
from tasks.demo_desk.conversations import draw_conversations
from tasks.finetuning.packing import NEAR, OPEN_ROWS, pack, pack_stream, schedule
from tasks.finetuning.tokenizing import encode

CHITCHAT = Path(__file__).parents[4] / "shared/data/chitchat/conversations.jsonl.gz"


def log_normal(count: int) -> list[int]:
    """Lengths of chats: mean 400 tokens, sigma 0.8, cut at 4,096."""
    rng = random.Random(3)
    drawn = (rng.lognormvariate(math.log(400) - 0.8**2 / 2, 0.8) for _ in range(count))
    return [min(4096, max(2, round(length))) for length in drawn]


def filled(lengths: Sequence[int], row_length: int) -> float:
    """The share of slots that hold a token."""
    return sum(lengths) / (row_length * len(pack(lengths, row_length, 7)))


@pytest.mark.parametrize(("row_length", "share"), [(16_384, 0.999), (4096, 0.996)])
def test_chats_of_many_lengths_leave_hardly_a_slot_empty(row_length: int, share: float) -> None:
    assert filled(log_normal(20_000), row_length) >= share


@pytest.mark.parametrize("row_length", [512, 1024, 2048])
def test_real_conversations_leave_hardly_a_slot_empty(row_length: int) -> None:
    """Characters in fours stand for tokens."""
    if not CHITCHAT.exists():
        pytest.skip("the shared data is not there")
    with gzip.open(CHITCHAT, "rt") as lines:
        sizes = [sum(len(m["content"]) for m in json.loads(line)["messages"]) for line in lines]
    lengths = [min(row_length, 4 + size // 4) for size in sizes]
    assert len(lengths) > 4000 and filled(lengths, row_length) >= 0.99


def test_packing_streams_in_bounded_memory() -> None:
    """Rows come while the stream is read: what is held are the open rows."""
    read = 0

    def endless() -> Iterator[tuple[int, int]]:
        nonlocal read
        for index, length in enumerate(itertools.cycle(log_normal(5000))):
            read = index + 1
            yield index, length

    given = 0
    for row in itertools.islice(pack_stream(endless(), 16_384), 3000):
        given += len(row)
        held = read - given
        assert held <= OPEN_ROWS * 100  # some forty examples a row
    assert given > 100_000


def test_the_demo_fills_its_rows(embedded_base: Path) -> None:
    drawn = [row for rows in draw_conversations(7).values() for row in rows]
    records = [ChatRecord.model_validate({"messages": turns}) for turns in drawn]
    examples = encode(
        ((record_id(record), record) for record in records), load_tokenizer(embedded_base), 512
    )
    lengths = [len(example.tokens) for example in examples]
    assert len(lengths) > 500 and filled(lengths, 512) >= 0.96


def test_rows_of_a_step_cost_alike_and_none_is_lost() -> None:
    """Attention's cost, the sum of squares: what the processes of a step wait for each other by."""
    rng = random.Random(5)
    lengths = [min(2048, max(8, int(rng.lognormvariate(5, 0.8)))) for _ in range(4000)]

    def cost(row: list[int]) -> int:
        return sum(lengths[index] ** 2 for index in row)

    def waiting(steps: list[list[list[int]]]) -> float:
        """Return the costliest row over the mean, over all steps that have four."""
        costs = [[cost(row) for row in step] for step in steps if len(step) == 4]
        return sum(4 * max(one) for one in costs) / sum(sum(one) for one in costs)

    rows = pack(lengths, 2048, 7 * 1_000_003)
    as_they_come = [rows[at : at + 4] for at in range(0, len(rows), 4)]
    steps = schedule(lengths, 2048, 4, 1, 7)
    assert waiting(as_they_come) > 1.3
    assert waiting(steps) < 1 + 0.6 * (waiting(as_they_come) - 1)
    assert sorted(sorted(row) for step in steps for row in step) == sorted(map(sorted, rows))
    assert [len(step) for step in steps] == [len(step) for step in as_they_come]
    assert steps == schedule(lengths, 2048, 4, 1, 7)
    near = {tuple(row) for row in rows[: 4 * NEAR]}
    assert {tuple(row) for step in steps[:NEAR] for row in step} == near  # as chance put them
    order = [sum(map(cost, step)) for step in steps[:NEAR]]
    assert order not in (sorted(order), sorted(order, reverse=True))
    assert [row for [row] in schedule(lengths, 2048, 1, 1, 7)] == rows  # alone nobody waits
