"""How a model computes on the device it trains on, and the loss over its hidden states.

Liger's kernels and ours (in Triton) need the package `liger-kernel` and a GPU. Without them the
model computes as transformers wrote it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from data_contracts.errors import InputError
from tasks.finetuning.layers import can_lay_out, lay_out
from tasks.finetuning.linear_cross_entropy import linear_cross_entropy
from tasks.finetuning.recipe import Recipe


def use_liger(recipe: Recipe, model: Any, device: Any) -> bool:
    """Put Liger's kernels into a Llama if the recipe and the machine have them; tell whether.

    InputError if the recipe insists and they cannot be had.
    """
    can = device.type == "cuda" and find_spec("liger_kernel") is not None
    can = can and can_lay_out(model, recipe.precision)
    if recipe.kernels == "liger" and not can:
        raise InputError(
            "Liger's kernels cannot run here",
            step="finetune",
            where="kernels: liger",
            remedy="install liger-kernel on a machine with a CUDA GPU and train in bf16, or set "
            "kernels: auto",
        )
    if recipe.kernels == "plain" or not can:
        return False
    lay_out(model)
    return True


def loss_sum(model: Any, batch: dict[str, Any], liger: bool) -> Any:
    """Return the summed cross-entropy of a collated batch over its targets, in float32."""
    weight = model.get_output_embeddings().weight
    return linear_cross_entropy(target_states(model, batch), weight, batch["labels"], fused=liger)


def target_states(model: Any, batch: dict[str, Any]) -> Any:
    """Return the last hidden states (N, width) of a collated batch at its N places."""
    given = {name: value for name, value in batch.items() if name not in ("places", "labels")}
    hidden = model.get_decoder()(**given, use_cache=False).last_hidden_state
    return hidden.squeeze(0).index_select(0, batch["places"])
