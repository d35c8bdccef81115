"""Loss without all logits at once, and Liger's kernels where they can run.

Liger (RMSNorm, SwiGLU, RoPE and a linear layer fused with its cross-entropy, in Triton) needs
the package `liger-kernel` and a GPU. Without it the model computes as transformers wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from data_contracts.errors import InputError
from tasks.finetuning.recipe import Recipe

LOGITS = 2**26  # values of logits held at a time; 256 MiB in float32
LIGER_LOGITS = 2**29  # Liger holds them once, in bf16: 1 GiB
FORWARD = (
    "input_ids",
    "position_ids",
    "cu_seq_lens_q",
    "cu_seq_lens_k",
    "max_length_q",
    "max_length_k",
)


def use_liger(recipe: Recipe, model: Any, device: Any) -> bool:
    """Put Liger's kernels into a Llama if the recipe and the machine have them; tell whether.

    InputError if the recipe insists and they cannot be had.
    """
    can = device.type == "cuda" and find_spec("liger_kernel") is not None
    can = can and model.config.model_type in ("llama", "mistral")
    if recipe.kernels == "liger" and not can:
        raise InputError(
            "Liger's kernels cannot run here",
            step="finetune",
            where="kernels: liger",
            remedy="install liger-kernel on a machine with a CUDA GPU, or set kernels: auto",
        )
    if recipe.kernels == "plain" or not can:
        return False
    from liger_kernel.transformers import (  # pyright: ignore[reportMissingImports]
        apply_liger_kernel_to_llama,
        apply_liger_kernel_to_mistral,
    )

    llama = model.config.model_type == "llama"
    apply = apply_liger_kernel_to_llama if llama else apply_liger_kernel_to_mistral
    apply(rope=True, rms_norm=True, swiglu=True, fused_linear_cross_entropy=False, model=model)
    return True


def loss_sum(model: Any, batch: dict[str, Any], liger: bool) -> Any:
    """Return the summed cross-entropy of a collated batch over its targets, in float32."""
    hidden = target_states(model, batch)
    weight = model.get_output_embeddings().weight
    if liger:
        return _fused(hidden, weight, batch["labels"])
    return chunked_cross_entropy(hidden, weight, batch["labels"])


def target_states(model: Any, batch: dict[str, Any]) -> Any:
    """Return the last hidden states (N, width) of a collated batch at its N places."""
    given = {name: batch[name] for name in FORWARD}
    hidden = model.get_decoder()(**given, use_cache=False).last_hidden_state
    return hidden[0].index_select(0, batch["places"])


def chunked_cross_entropy(hidden: Any, weight: Any, labels: Any) -> Any:
    """Sum the cross-entropy of logits (N, V) = hidden (N, H) weight (V, H)^T against labels (N).

    At most LOGITS values of them are there at a time.
    """
    import torch

    def part(states: Any, wanted: Any) -> Any:
        logits = torch.nn.functional.linear(states, weight).float()
        return torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")

    return torch.stack(in_chunks(part, LOGITS // len(weight), hidden, labels)).sum()


def chunked_log_probabilities(hidden: Any, weight: Any, labels: Any) -> Any:
    """Return log p (N, float32) of each of the labels (N), with as few logits held."""
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


def _fused(hidden: Any, weight: Any, labels: Any) -> Any:
    """The same by Liger, which computes the gradient together with the loss."""
    from liger_kernel.transformers.functional import (  # pyright: ignore[reportMissingImports]
        liger_fused_linear_cross_entropy,
    )

    values = hidden.shape[0] * hidden.shape[1]
    # Liger sizes its chunks in multiples of `values`; few and large ones keep the GPU busy.
    budget = max(1, LIGER_LOGITS // max(1, values))
    return liger_fused_linear_cross_entropy(
        hidden, weight, labels, reduction="sum", chunk_mem_const=budget
    )
