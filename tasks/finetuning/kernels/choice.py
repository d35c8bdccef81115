"""How a model computes on the device it trains on, and the loss over its hidden states.

Liger's kernels and ours (in Triton) need the package `liger-kernel` and a GPU; on a CPU torch's
operations are laid out for it. Other models compute as transformers wrote them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from data_contracts.errors import InputError
from tasks.finetuning.kernels.layers import can_lay_out, lay_out
from tasks.finetuning.kernels.linear_cross_entropy import linear_cross_entropy
from tasks.finetuning.kernels.operations import operations

LOGITS = 2**26  # values of logits held at a time; 256 MiB in float32
ALIGNED = 32  # tokens
FORWARD = (
    "input_ids",
    "position_ids",
    "cu_seq_lens_q",
    "cu_seq_lens_k",
    "max_length_q",
    "max_length_k",
)


def use_kernels(asked: str, precision: str, model: Any, device: Any) -> str:
    """Lay out a Llama for the device if that is asked for and can be; return which way it is.

    `liger` with Liger's kernels, `cpu` in torch's operations, `plain` as transformers wrote it.
    `asked` and `precision` are the recipe's. InputError if it insists on Liger and cannot have it.
    """
    can = can_lay_out(model)
    on_gpu = device.type == "cuda" and find_spec("liger_kernel") is not None and precision == "bf16"
    if asked == "liger" and not (can and on_gpu):
        raise InputError(
            "Liger's kernels cannot run here",
            step="finetune",
            where="kernels: liger",
            remedy="install liger-kernel on a machine with a CUDA GPU and train in bf16, or set "
            "kernels: auto",
        )
    if asked == "plain" or not can or not (on_gpu or device.type == "cpu"):
        return "plain"
    lay_out(model, operations(device))
    return "liger" if on_gpu else "cpu"


def loss_sum(model: Any, batch: dict[str, Any], liger: bool) -> Any:
    """Return the summed cross-entropy of a collated batch over its targets, in float32."""
    weight = model.get_output_embeddings().weight
    return linear_cross_entropy(target_states(model, batch), weight, batch["labels"], fused=liger)


def target_states(model: Any, batch: dict[str, Any]) -> Any:
    """Return the last hidden states (N, width) of a collated batch at its N places."""
    given = {name: batch[name] for name in FORWARD}
    if given["input_ids"].device.type == "cpu":
        given = _padded(given)
    hidden = model.get_decoder()(**given, use_cache=False).last_hidden_state
    return hidden.squeeze(0).index_select(0, batch["places"])


def _padded(given: dict[str, Any]) -> dict[str, Any]:
    """Return the forward's arguments with one more document, so that T is a multiple of ALIGNED.

    For the CPU's matrix products, of which some take twice as long at other lengths (oneDNN 3.12
    over two threads, 1,536 to 576 values, 481 to 509 tokens). No target is in it.
    """
    import torch

    more = -given["input_ids"].shape[1] % ALIGNED
    if not more:
        return given
    own, last = torch.arange(more)[None], given["cu_seq_lens_q"][-1:]
    starts = torch.cat([given["cu_seq_lens_q"], last + more])
    return given | {
        "input_ids": torch.cat([given["input_ids"], torch.zeros_like(own)], dim=1),
        "position_ids": torch.cat([given["position_ids"], own], dim=1),
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": max(given["max_length_q"], more),
        "max_length_k": max(given["max_length_k"], more),
    }


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
