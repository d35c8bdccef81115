"""How a model computes on the device it trains on, and the loss over its hidden states.

Liger's kernels and ours (in Triton) need the package `liger-kernel` and a GPU. Without them the
model computes as transformers wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from data_contracts.errors import InputError
from tasks.finetuning.kernels.layers import can_lay_out, lay_out
from tasks.finetuning.kernels.linear_cross_entropy import linear_cross_entropy

LOGITS = 2**26  # values of logits held at a time; 256 MiB in float32
FORWARD = (
    "input_ids",
    "position_ids",
    "cu_seq_lens_q",
    "cu_seq_lens_k",
    "max_length_q",
    "max_length_k",
)


def use_liger(asked: str, precision: str, model: Any, device: Any) -> bool:
    """Put Liger's kernels into a Llama if they are asked for and can be had; tell whether.

    `asked` and `precision` are the recipe's. InputError if it insists and they cannot be had.
    """
    can = device.type == "cuda" and find_spec("liger_kernel") is not None
    can = can and can_lay_out(model, precision)
    if asked == "liger" and not can:
        raise InputError(
            "Liger's kernels cannot run here",
            step="finetune",
            where="kernels: liger",
            remedy="install liger-kernel on a machine with a CUDA GPU and train in bf16, or set "
            "kernels: auto",
        )
    if asked == "plain" or not can:
        return False
    lay_out(model)
    return True


def loss_sum(model: Any, batch: dict[str, Any], liger: bool) -> Any:
    """Return the summed cross-entropy of a collated batch over its targets, in float32."""
    weight = model.get_output_embeddings().weight
    return linear_cross_entropy(target_states(model, batch), weight, batch["labels"], fused=liger)


def target_states(model: Any, batch: dict[str, Any]) -> Any:
    """Return the last hidden states (N, width) of a collated batch at its N places."""
    given = {name: batch[name] for name in FORWARD}
    hidden = model.get_decoder()(**given, use_cache=False).last_hidden_state
    return hidden.squeeze(0).index_select(0, batch["places"])


def chunked_log_probabilities(hidden: Any, weight: Any, labels: Any) -> Any:
    """Return log p (N, float32) of each of the labels (N), with LOGITS logits held at most."""
    import torch

    def part(states: Any, wanted: Any) -> Any:
        logits = torch.nn.functional.linear(states, weight).float()
        return -torch.nn.functional.cross_entropy(logits, wanted, reduction="none")

    return torch.cat(in_chunks(part, LOGITS // len(weight), hidden, labels))


def in_chunks(part: Callable[..., Any], size: int, *tensors: Any) -> list[Any]:
    """Call `part` on so many places of each tensor (N, …) at a time; return what it returns.

    Where there is more than one chunk, each is computed again for the gradient.
    """
    from torch.utils.checkpoint import checkpoint

    size = max(1, size)
    if len(tensors[0]) <= size:
        return [part(*tensors)]
    chunks = zip(*(tensor.split(size) for tensor in tensors), strict=True)
    return [checkpoint(part, *chunk, use_reentrant=False) for chunk in chunks]
