"""Measures TRL's DPOTrainer and GKDTrainer over the same tokens as our objectives.

Each takes its rows as tokens, pads them as it does by default, and computes what it must know of
other weights in each step: DPO its references, GKD (offline: lmbda 0) its teacher's logits.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.finetuning.objectives import pairs
from tests.benchmarks.finetuning.peers import adapters, run, tokenizer
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths


def measure(shape: str, device: Any, *, objective: str, **settings: Any) -> dict[str, Any]:
    """Train some steps; return tokens/s past the warm-up steps."""
    return (_dpo if objective == "dpo" else _distillation)(shape, device, **settings)


def _dpo(
    shape: str,
    device: Any,
    *,
    steps: int,
    warmup: int,
    batch: int,
    lora: int,
    longest: int = 4096,
    mean: int = 400,
    **config: Any,
) -> dict[str, Any]:
    """Measure DPO over `batch` pairs a step; its references are the weights without adapters."""
    import torch
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer  # pyright: ignore[reportMissingImports]

    class Tokenized(DPOTrainer):  # pyright: ignore[reportUntypedBaseClass]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    model = build(shape, device, torch.bfloat16)
    vocabulary = SHAPES[shape]["vocab_size"]
    columns: dict[str, list[list[int]]] = {"prompt_ids": [], "chosen_ids": [], "rejected_ids": []}
    for pair in pairs(batch * mean * 3 * (steps + 2), longest, mean, vocabulary):
        asked = pair.chosen.targets.index(True)
        columns["prompt_ids"].append(list(pair.chosen.tokens[:asked]))
        columns["chosen_ids"].append(list(pair.chosen.tokens[asked:]))
        columns["rejected_ids"].append(list(pair.rejected.tokens[asked:]))

    def make(given: dict[str, Any], callbacks: list[Any]) -> Any:
        return Tokenized(
            model=model,
            args=DPOConfig(**given, max_length=longest),
            train_dataset=Dataset.from_dict(columns),
            processing_class=tokenizer(vocabulary),
            peft_config=adapters(lora),
            callbacks=callbacks,
        )

    def tokens_of(row: dict[str, Any]) -> int:
        return 2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"])

    own = {"per_device_train_batch_size": batch, **config}
    return run(make, model, own, steps, warmup, tokens_of)


def _distillation(
    shape: str,
    device: Any,
    *,
    teacher: str,
    steps: int,
    warmup: int,
    batch: int,
    longest: int = 4096,
    mean: int = 400,
    **config: Any,
) -> dict[str, Any]:
    """Measure forward KL (beta 0) from a teacher of another shape, over documents as they are."""
    import torch
    from datasets import Dataset
    from trl.experimental.gkd import (  # pyright: ignore[reportMissingImports]
        GKDConfig,
        GKDTrainer,
    )

    model, teaches = (build(one, device, torch.bfloat16) for one in (shape, teacher))
    vocabulary = SHAPES[shape]["vocab_size"]
    sizes = lengths(batch * mean * 3 * (steps + 2), longest, mean)
    rows = [list(example.tokens) for example in documents(sizes, vocabulary)]

    def padded(features: list[dict[str, Any]]) -> dict[str, Any]:
        """Do what the trainer's collator does to chats, which would have to be rendered first."""
        found = [torch.tensor(feature["input_ids"]) for feature in features]
        pad = torch.nn.utils.rnn.pad_sequence
        ids = pad(found, batch_first=True)
        return {
            "input_ids": ids,
            "attention_mask": (ids != 0).long(),
            "labels": pad(found, batch_first=True, padding_value=-100),
            "prompts": ids[:, :1],
            "prompt_attention_mask": torch.ones_like(ids[:, :1]),
        }

    def make(given: dict[str, Any], callbacks: list[Any]) -> Any:
        return GKDTrainer(
            model=model,
            teacher_model=teaches,
            args=GKDConfig(**given, max_length=longest, lmbda=0.0, beta=0.0),
            data_collator=padded,
            train_dataset=Dataset.from_dict({"input_ids": rows}),
            processing_class=tokenizer(vocabulary),
            callbacks=callbacks,
        )

    own = {"per_device_train_batch_size": batch, **config}
    return run(make, model, own, steps, warmup, lambda row: len(row["input_ids"]))
