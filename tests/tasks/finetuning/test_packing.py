from __future__ import annotations

import copy
import gzip
import itertools
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import record_id
from model_registry.model_files import load_tokenizer
from tasks.demo_desk.conversations import draw_conversations
from tasks.finetuning.kernels.choice import target_states
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.packing import NEAR, OPEN_ROWS, collate, pack, pack_stream, schedule
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example, encode
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import Trainer
from tasks.models.attention.packed import use_varlen
from tasks.models.loading import load_model

CHITCHAT = Path(__file__).parents[4] / "shared/data/chitchat/conversations.jsonl.gz"


def documents(lengths: Sequence[int], seed: int = 5) -> list[Example]:
    """Random tokens with random targets."""
    rng = random.Random(seed)
    return [
        Example.of(
            str(number),
            [rng.randrange(2, 300) for _ in range(length)],
            [place > 1 and rng.random() < 0.6 for place in range(length)],
        )
        for number, length in enumerate(lengths)
    ]


@pytest.fixture
def model(tiny_model: Path) -> Any:
    return load_model(tiny_model)[0]


def alone(model: Any, example: Example) -> Any:
    """What transformers itself says at the target places of one example, without any mask."""
    import torch

    logits = model(input_ids=torch.tensor([example.tokens])).logits[0]
    return logits[[place - 1 for place, wanted in enumerate(example.targets) if wanted]]


def close(found: Any, expected: Any) -> bool:
    """Equal within 1e-5 of the largest value."""
    import torch

    return bool(torch.allclose(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max())))


ROWS = [[3, 0, 4], [1, 2]]


def grouped(tiny_model: Path, groups: int) -> Any:
    """A model of four heads over so many groups of keys and values, random but for its seed."""
    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    torch.manual_seed(11)
    config: Any = AutoConfig.from_pretrained(tiny_model, num_key_value_heads=groups)
    return LlamaForCausalLM(config).eval()


def packed_logits(model: Any, examples: list[Example], rows: list[list[int]] = ROWS) -> Any:
    states = target_states(model, collate(rows, examples))
    return model.get_output_embeddings()(states)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_packed_batch_says_what_its_documents_say_alone(tiny_model: Path, groups: int) -> None:
    import torch

    examples = documents([17, 9, 23, 40, 5, 1])
    rows = [[3, 0, 5, 4], [1, 2]]
    plain, packed = grouped(tiny_model, groups), grouped(tiny_model, groups)
    use_varlen(packed)
    with torch.no_grad():
        found = packed_logits(packed, examples, rows)
        expected = torch.cat([alone(plain, examples[index]) for row in rows for index in row])
    assert len(found) == sum(sum(example.targets) for example in examples)
    assert close(found, expected)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_packed_step_has_the_gradient_of_its_documents_alone(
    tiny_model: Path, tmp_path: Path, method: str
) -> None:
    import torch

    examples = documents([17, 9, 23, 40, 5])
    settings = {
        "method": method,
        "precision": "fp32",
        "max_seq_length": 64,
        "per_device_train_batch_size": 2,
        "num_train_epochs": 1,
        "max_grad_norm": 1e9,
    }
    recipe = Recipe.model_validate(settings)
    plain, packed = (prepare(load_model(tiny_model)[0], recipe) for _ in range(2))
    labels = [
        torch.tensor([t for t, wanted in zip(e.tokens, e.targets, strict=True) if wanted])
        for e in examples
    ]
    losses = [
        torch.nn.functional.cross_entropy(alone(plain, example), label, reduction="sum")
        for example, label in zip(examples, labels, strict=True)
    ]
    mean: Any = sum(losses) / sum(len(label) for label in labels)
    trainable = [p for p in plain.parameters() if p.requires_grad]
    expected = torch.autograd.grad(mean, trainable)

    trainer = Trainer(packed, recipe, Supervised(examples), torch.device("cpu"))
    seen: list[Any] = []

    def look(*_: Any) -> None:
        seen.extend(master.grad.clone() for master in trainer.optimizer.masters.values())

    trainer.optimizer.adamw.register_step_pre_hook(look)
    assert len(trainer.plan) == 1 and len(trainer.plan[0]) == 2
    loss = trainer.run(tmp_path, 10, lambda _: None)[0]
    assert loss == pytest.approx(float(mean.detach()), rel=1e-5)
    for name, one, other in zip(trainer.optimizer.masters, seen, expected, strict=True):
        assert close(one, other), name


@pytest.mark.parametrize("changed", [0, 3, 4])
def test_nothing_leaks_from_one_document_into_another(model: Any, changed: int) -> None:
    import torch

    use_varlen(model)
    examples = documents([17, 9, 23, 40, 5])
    other = list(examples)
    fresh = documents([len(examples[changed].tokens)], seed=99)[0]
    other[changed] = replace(fresh, targets=examples[changed].targets)
    owner = [i for row in ROWS for i in row for _ in range(sum(examples[i].targets))]
    with torch.no_grad():
        before, after = packed_logits(model, examples), packed_logits(model, other)
    same = torch.tensor([index != changed for index in owner])
    assert torch.equal(before[same], after[same])
    assert not torch.equal(before[~same], after[~same])


def test_a_document_longer_than_the_window_sees_only_the_window(tiny_model: Path) -> None:
    """Mistral's sliding window, against transformers' own masks."""
    import torch
    from transformers import AutoConfig, MistralConfig, MistralForCausalLM

    llama = AutoConfig.from_pretrained(tiny_model).to_dict()
    shape: dict[str, Any] = {
        k: llama[k] for k in ("vocab_size", "hidden_size", "intermediate_size")
    }
    heads: dict[str, Any] = {
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    config = MistralConfig(**shape, **heads, sliding_window=8, initializer_range=0.4)
    torch.manual_seed(2)
    plain = MistralForCausalLM(config).eval()
    packed = copy.deepcopy(plain)
    use_varlen(packed)
    examples = documents([5, 31, 8, 20])
    with torch.no_grad():
        found = packed_logits(packed, examples, [[1, 0], [2, 3]])
        expected = torch.cat([alone(plain, examples[index]) for index in (1, 0, 2, 3)])
    assert close(found, expected)


def test_a_forward_without_boundaries_is_refused(model: Any) -> None:
    import torch

    use_varlen(model)
    with pytest.raises(ValueError, match="boundaries"):
        model(input_ids=torch.tensor([[5, 6, 7]]))


def test_a_batch_is_one_row_without_padding_and_positions_restart() -> None:
    examples = documents([4, 2, 3])
    batch = collate([[0, 1], [2]], examples)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2]]
    assert batch["input_ids"][0].tolist() == [t for e in examples for t in e.tokens]
    assert batch["cu_seq_lens_q"].tolist() == [0, 4, 6, 9]
    assert batch["max_length_q"] == batch["max_length_k"] == 4
    wanted = [w for e in examples for w in e.targets]
    assert [p + 1 for p in batch["places"].tolist()] == [n for n, w in enumerate(wanted) if w]
    assert batch["labels"].tolist() == [batch["input_ids"][0, p + 1] for p in batch["places"]]


def test_a_first_token_is_never_a_target() -> None:
    first = Example.of("a", [5, 6, 7], [True, True, True])
    batch = collate([[0, 0]], [first])
    assert batch["places"].tolist() == [0, 1, 3, 4] and batch["labels"].tolist() == [6, 7, 6, 7]


@given(
    lengths=st.lists(st.integers(1, 100), max_size=300),
    rows_per_step=st.integers(1, 4),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_every_example_stands_once_an_epoch(
    lengths: list[int], rows_per_step: int, seed: int
) -> None:
    rows = pack(lengths, 100, seed)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[index] for index in row) <= 100 for row in rows)
    steps = schedule(lengths, 100, rows_per_step, 2, seed)
    seen = sorted(index for step in steps for row in step for index in row)
    assert seen == sorted([*range(len(lengths))] * 2)
    assert all(1 <= len(step) <= rows_per_step for step in steps)
    assert steps == schedule(lengths, 100, rows_per_step, 2, seed)


def test_the_seed_and_the_epoch_decide_the_order() -> None:
    lengths = [random.Random(1).randrange(10, 90) for _ in range(60)]
    first = schedule(lengths, 128, 1, 2, 7)
    assert first != schedule(lengths, 128, 1, 2, 8)
    assert first[: len(first) // 2] != first[len(first) // 2 :]


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
