from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.finetuning.kernels.choice import target_states
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.packing import collate, pack, schedule
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
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
