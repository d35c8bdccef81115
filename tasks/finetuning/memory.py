"""What a training step will need of memory, reckoned before the run, in GiB.

Counts what autograd keeps of a LLaMA-shaped model with one-kernel attention, which holds no
scores. It is a reckoning: kernels' scratch space and fragmentation come on top, hence MARGIN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.finetuning.kernels.linear_cross_entropy import CHUNK
from tasks.finetuning.quantization import stored_bytes
from tasks.finetuning.recipe import Recipe

MARGIN = 0.92  # of a GPU's memory, which the reckoning may fill
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Estimate:
    """GiB of each use. Activations count one pass over the model, logits their chunk."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """Return their sum."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits

    def figures(self) -> dict[str, float]:
        """Return each figure by its name, rounded."""
        names = ("weights", "gradients", "optimizer", "activations", "logits", "total")
        return {name: round(getattr(self, name), 3) for name in names}


@dataclass(frozen=True, slots=True)
class Fit:
    """How a step is to go through memory: rows a pass, with gradient checkpointing or without."""

    rows: int
    checkpointing: bool
    estimate: Estimate


def fit(
    model: Any,
    recipe: Recipe,
    liger: bool,
    row_tokens: int,
    step_rows: int,
    capacity: float | None,
    world: int = 1,
    held: int = 0,
) -> Fit:
    """Choose rows a pass and gradient checkpointing so that a step fits `capacity` (GiB).

    With `auto_batch` the most rows that fit without checkpointing, or else with it. What fits in
    no way is returned as it is: the run may try, and its error will carry the estimate.
    `step_rows` are a process's of a step, `world` the processes that keep a shard each, `held` the
    bytes of another model, such as a teacher.
    """
    most = min(step_rows, recipe.per_device_train_batch_size)
    counts = range(step_rows, 0, -1) if recipe.auto_batch else [most]
    ways = (
        [False, True] if recipe.gradient_checkpointing is None else [recipe.gradient_checkpointing]
    )

    def one(count: int, way: bool) -> Fit:
        once = liger and count == step_rows
        tokens = row_tokens * count
        return Fit(count, way, estimate(model, recipe, liger, tokens, way, world, once, held))

    tried = [one(count, way) for way in ways for count in counts]
    if capacity is None:
        return tried[0]
    return next((fit for fit in tried if fit.estimate.total <= MARGIN * capacity), tried[-1])


def estimate(
    model: Any,
    recipe: Recipe,
    liger: bool,
    tokens: int,
    checkpointing: bool,
    world: int = 1,
    one_pass: bool = False,
    held: int = 0,
) -> Estimate:
    """Reckon a step whose passes hold `tokens` tokens each."""
    config = model.config
    parameters = list(model.parameters())
    trained = [p for p in parameters if p.requires_grad]
    width = 2 if recipe.precision == "bf16" else 4  # bytes of an activation
    count = sum(p.numel() for p in trained)
    layer = _layer_bytes(config, width, liger) + _adapter_bytes(config, trained, recipe, width)
    layers = config.num_hidden_layers
    kept = layers * config.hidden_size * width + layer if checkpointing else (layers + 1) * layer
    values = min(tokens * config.vocab_size, CHUNK["cuda" if liger else "cpu"])
    head = config.vocab_size * config.hidden_size * width if recipe.method == "full" else 0
    gathered = count * width / world if world > 1 else 0  # beside the shards
    gradients, optimizer = _trained_bytes(trained, recipe, width, world, one_pass)
    return Estimate(
        weights=(sum(map(stored_bytes, parameters)) + gathered + held) / GIB,
        gradients=gradients / GIB,
        optimizer=optimizer / GIB,
        activations=tokens * kept / GIB,
        logits=(values * (width if liger else 2 * width + 4) + head) / GIB,
    )


def _trained_bytes(
    trained: Sequence[Any], recipe: Recipe, width: int, world: int, one_pass: bool
) -> tuple[float, float]:
    """Bytes of the trained weights' gradients, and of the optimizer's copies and moments."""
    count = sum(p.numel() for p in trained)
    largest = max((p.numel() for p in trained), default=0)
    copies = width == 2 and recipe.optimizer_precision == "fp32"
    slot = 4 if copies or width == 4 else 2
    optimizer = count * (2 * slot + (4 if copies else 0)) / world
    if world > 1:
        return count * slot / world + 2 * largest * width, optimizer
    if copies and one_pass and recipe.method == "full":
        return count * width, optimizer  # they stay as the pass left them
    return count * slot + (largest * width if copies else 0), optimizer


def gpu_capacity(device: Any) -> float | None:
    """Return the GiB that this process may use of its GPU; None on a CPU."""
    if device.type != "cuda":
        return None
    import torch

    return (torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)) / GIB


def _layer_bytes(config: Any, width: int, liger: bool) -> int:
    """Bytes a token that autograd keeps of a decoder layer.

    Inputs of both norms and of the linear layers, queries, keys, values and the attention's
    output, gate and up; without Liger also what the norms compute in float32 and silu(gate).
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    head = getattr(config, "head_dim", None) or hidden // config.num_attention_heads
    heads, groups = config.num_attention_heads * head, config.num_key_value_heads * head
    kept = 4 * hidden + 2 * heads + 2 * groups + 3 * inner
    if liger:
        return kept * width
    return (kept + inner) * width + 2 * hidden * (4 if width == 2 else 0)


def _adapter_bytes(config: Any, trained: Sequence[Any], recipe: Recipe, width: int) -> int:
    """Bytes a token that a layer's adapters keep: the r values between their two matrices.

    With dropout also what is left of each one's input, and which values those are.
    """
    if not recipe.adapts or not trained:
        return 0
    inputs = 6 * config.hidden_size + config.intermediate_size if recipe.lora_dropout else 0
    return 7 * recipe.lora_r * width + inputs * (width + 1)
