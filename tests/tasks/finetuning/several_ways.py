"""Trains on two processes with weights whole and in shards; prints a line of JSON.

Run by torchrun: `-m tests.tasks.finetuning.several_ways FOLDER`. Both ways, one process alone,
and what each way saved gone on with by the other.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tasks.finetuning import trainer as trainer_module
from tasks.finetuning.memory import Fit, fit
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.ranks import ALONE, Ranks, end_process, join, leave
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
from tasks.finetuning.trainer import StoppedError, Trainer

STEPS, STOP = 4, 2


def main() -> int:
    """Print {way: the losses of each step, and the sum of every weight's square at the end}."""
    ranks, _ = join()
    folder = Path(sys.argv[1])
    found: dict[str, Any] = {}
    for whole in (True, False):
        name, other = ("whole", "sharded") if whole else ("sharded", "whole")
        found[name] = _train(folder / name, ranks, whole)
        _train(folder / f"{name}-cut", ranks, whole, STOP)
        found[f"{name}, then {other}"] = _train(folder / f"{name}-cut", ranks, not whole)
    if ranks.first:
        found["alone"] = _train(folder / "alone", ALONE, True)
        sys.stdout.write(f"RESULT {json.dumps(found)}\n")
        sys.stdout.flush()
    leave(ranks)
    return 0


def _train(folder: Path, ranks: Ranks, whole: bool, last: int = STEPS) -> list[float]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    # Seven heads' rows are cut unevenly between two, and a vocabulary of 41 too.
    shape: dict[str, Any] = {"hidden_size": 56, "intermediate_size": 75, "num_hidden_layers": 3}
    heads: dict[str, Any] = {"num_attention_heads": 7, "num_key_value_heads": 1, "vocab_size": 41}
    model = LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=True))
    settings: dict[str, Any] = {"method": "full", "precision": "fp32", "max_seq_length": 32}
    settings |= {"max_steps": STEPS, "learning_rate": 1e-2, "weight_decay": 0.1}
    settings |= {"gradient_accumulation_steps": 4 // ranks.world}
    recipe = Recipe.model_validate(settings)
    tokens = torch.randint(3, 41, (40, 12)).tolist()
    examples = [Example.of(str(n), ids, [True] * 12) for n, ids in enumerate(tokens)]

    def chosen(*given: Any) -> Fit:
        return replace(fit(*given), whole=whole, checkpointing=1)

    with patch.object(trainer_module, "fit", chosen):
        trainer = Trainer(model, recipe, Supervised(examples), torch.device("cpu"), ranks)

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == last < STEPS:
            trainer._stop = "stopped"  # pyright: ignore[reportPrivateUsage]

    with contextlib.suppress(StoppedError):
        trainer.run(folder, 100, stop)
    trainer.gather()
    squares = [float(parameter.detach().square().sum()) for parameter in model.parameters()]
    return [*trainer.losses, *squares]


if __name__ == "__main__":
    end_process(main())
