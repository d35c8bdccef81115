from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.records import ChatRecord, record_id
from model_registry.loading import load_model, load_tokenizer
from tasks.demo_desk.conversations import draw_conversations
from tasks.finetuning.packing import collate, pack, schedule
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example, encode
from tasks.finetuning.trainer import Trainer, target_logits


def documents(lengths: Sequence[int], seed: int = 5) -> list[Example]:
    """Random tokens with random targets."""
    rng = random.Random(seed)
    return [
        Example(
            record_id=str(number),
            tokens=tuple(rng.randrange(2, 300) for _ in range(length)),
            targets=tuple(place > 1 and rng.random() < 0.6 for place in range(length)),
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


ROWS = [[3, 0, 4], [1, 2]]  # the second is shorter, so it is padded


def test_a_packed_batch_says_what_its_documents_say_alone(model: Any) -> None:
    import torch

    examples = documents([17, 9, 23, 40, 5])
    with torch.no_grad():
        found = target_logits(model, collate(ROWS, examples, 1, "cpu"))
        expected = torch.cat([alone(model, examples[index]) for row in ROWS for index in row])
    assert len(found) == sum(sum(example.targets) for example in examples)
    assert close(found, expected)


def test_a_packed_step_has_the_gradient_of_its_documents_alone(model: Any, tmp_path: Path) -> None:
    import torch

    examples = documents([17, 9, 23, 40, 5])
    recipe = Recipe(
        method="full",
        precision="fp32",
        max_seq_length=64,
        per_device_train_batch_size=2,
        num_train_epochs=1,
        max_grad_norm=1e9,
    )
    trainer = Trainer(model, recipe, examples, 1, torch.device("cpu"))
    labels = [
        torch.tensor([t for t, wanted in zip(e.tokens, e.targets, strict=True) if wanted])
        for e in examples
    ]
    losses = [
        torch.nn.functional.cross_entropy(alone(model, example), label, reduction="sum")
        for example, label in zip(examples, labels, strict=True)
    ]
    mean: Any = sum(losses) / sum(len(label) for label in labels)
    expected = torch.autograd.grad(mean, list(trainer.parameters.values()))

    seen: list[Any] = []

    def look(*_: Any) -> None:
        seen.extend(parameter.grad.clone() for parameter in trainer.parameters.values())

    trainer.optimizer.register_step_pre_hook(look)
    assert len(trainer.plan) == 1 and len(trainer.plan[0]) == 2
    loss = trainer.run(tmp_path, 10, lambda _: None)[0]
    assert loss == pytest.approx(float(mean.detach()), rel=1e-5)
    for name, one, other in zip(trainer.parameters, seen, expected, strict=True):
        assert close(one, other), name


@pytest.mark.parametrize("changed", [0, 3, 4])
def test_nothing_leaks_from_one_document_into_another(model: Any, changed: int) -> None:
    import torch

    examples = documents([17, 9, 23, 40, 5])
    other = list(examples)
    other[changed] = documents([len(examples[changed].tokens)], seed=99)[0].model_copy(
        update={"targets": examples[changed].targets}
    )
    owner = [i for row in ROWS for i in row for _ in range(sum(examples[i].targets))]
    with torch.no_grad():
        before = target_logits(model, collate(ROWS, examples, 1, "cpu"))
        after = target_logits(model, collate(ROWS, other, 1, "cpu"))
    same = torch.tensor([index != changed for index in owner])
    assert torch.equal(before[same], after[same])
    assert not torch.equal(before[~same], after[~same])


def test_positions_restart_and_padding_belongs_to_nobody() -> None:
    examples = documents([4, 2, 3])
    batch = collate([[0, 1], [2]], examples, 1, "cpu")
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1], [0, 1, 2, 0, 0, 0]]
    assert batch["input_ids"][1].tolist() == [*examples[2].tokens, 1, 1, 1]
    mask = batch["attention_mask"][1, 0]
    assert not mask[:3, 3:].any() and not mask[3:, :3].any()
    assert all(row.any() for row in mask)  # a row that sees nothing would be NaN
    assert all(place < 6 + 3 for place in batch["places"].tolist())


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


def test_the_demo_fills_its_rows(embedded_base: Path) -> None:
    drawn = [row for rows in draw_conversations(7).values() for row in rows]
    records = [ChatRecord.model_validate({"messages": turns}) for turns in drawn]
    examples = encode(
        ((record_id(record), record) for record in records), load_tokenizer(embedded_base), 512
    )
    lengths = [len(example.tokens) for example in examples]
    rows = pack(lengths, 512, 7)
    assert len(lengths) > 500 and sum(lengths) / (512 * len(rows)) >= 0.95
