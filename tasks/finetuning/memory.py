"""What a training step will need of memory, reckoned before the run, in GiB.

Counts what autograd keeps of a LLaMA-shaped model with one-kernel attention, which holds no
scores. It is a reckoning: kernels' scratch space and fragmentation come on top, hence MARGIN.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.finetuning.kernels.linear_cross_entropy import CHUNK
from tasks.finetuning.quantization import stored_bytes
from tasks.finetuning.recipe import Recipe

MARGIN = 0.92  # of a GPU's memory, which the reckoning may fill
SHARDING = 3  # weights in shards cost what this part of the layers costs that computes twice
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
    """How a step is to go through memory.

    `rows` a pass, the number of layers that compute twice (gradient `checkpointing`), and, of
    several processes, whether each keeps the trained weights `whole`.
    """

    rows: int
    checkpointing: int
    estimate: Estimate
    whole: bool = True


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
    """Choose how a step fits `capacity` (GiB).

    As few layers are checkpointed as memory asks, and weights are in shards where whole ones would
    cost more of that. With `auto_batch` the most rows a pass that fit so. What fits in no way is
    returned as it is: the run may try, and its error will carry the estimate.
    `step_rows` are a process's of a step, `world` the processes that keep a shard each, `held` the
    bytes of another model, such as a teacher.
    """
    most = min(step_rows, recipe.per_device_train_batch_size)
    counts = range(step_rows, 0, -1) if recipe.auto_batch else [most]
    ways = _ways(model.config.num_hidden_layers, recipe, world)

    def one(count: int, number: int, whole: bool) -> Fit:
        once, tokens = count == step_rows, row_tokens * count
        told = estimate(model, recipe, liger, tokens, number, world, held, once, whole)
        return Fit(count, number, told, whole)

    if capacity is None:
        return one(counts[0], *ways[0])
    tried = (one(count, *way) for way in ways for count in counts)
    fitting = (fit for fit in tried if fit.estimate.total <= MARGIN * capacity)
    return next(fitting, None) or one(counts[-1], *ways[-1])


def _ways(layers: int, recipe: Recipe, world: int) -> list[tuple[int, bool]]:
    """Return (layers checkpointed, weights whole), the fastest first.

    With 8B on two H200, weights in shards cost a step 70 ms, a layer that computes twice 6.
    """
    asked = recipe.gradient_checkpointing
    numbers = range(layers + 1) if asked is None else [layers if asked else 0]
    shares = [True] if world == 1 or recipe.adapts else [True, False]
    ways = [(number, whole) for number in numbers for whole in shares]
    return sorted(ways, key=lambda way: way[0] + (0 if way[1] else layers / SHARDING))


def estimate(
    model: Any,
    recipe: Recipe,
    liger: bool,
    tokens: int,
    checkpointing: int,
    world: int = 1,
    held: int = 0,
    one_pass: bool = False,
    whole: bool = True,
) -> Estimate:
    """Reckon a step whose passes take so many tokens, with so many layers checkpointed.

    `one_pass`: the step is one. See `fit` for the others.
    """
    config = model.config
    parameters = list(model.parameters())
    trained = [p for p in parameters if p.requires_grad]
    width = 2 if recipe.precision == "bf16" else 4  # bytes of an activation
    count = sum(p.numel() for p in trained)
    layer = _layer_bytes(config, width, liger) + _adapter_bytes(config, trained, recipe, width)
    layers = config.num_hidden_layers
    kept = checkpointing * config.hidden_size * width + (layers - checkpointing + 1) * layer
    values = min(tokens * config.vocab_size, CHUNK["cuda" if liger else "cpu"])
    head = config.vocab_size * config.hidden_size * width if recipe.method == "full" else 0
    sent = count * width / world if world > 1 and whole else 0
    elsewhere = 0 if whole else _sharded_values(model) * width
    fused = liger and one_pass
    gradients, optimizer = _trained_bytes(trained, recipe, width, world, fused)
    if world > 1 and one_pass:  # the activations are gone by as much as gradients have come
        gradients -= min(gradients - 3 * _largest(trained) * width, tokens * kept)
    return Estimate(
        weights=(sum(map(stored_bytes, parameters)) - elsewhere + sent + held) / GIB,
        gradients=gradients / GIB,
        optimizer=optimizer / GIB,
        activations=tokens * kept / GIB,
        logits=(values * (width if liger else 2 * width + 4) + head) / GIB,
    )


def _sharded_values(model: Any) -> int:
    """Return the trained weights that are not there at a time where layers are sharded.

    Two layers are: one that computes and one that comes. What is in no layer stays.
    """
    layers = model.get_decoder().layers
    each = [sum(p.numel() for p in layer.parameters() if p.requires_grad) for layer in layers]
    return sum(sorted(each)[:-2])


def _trained_bytes(
    trained: Sequence[Any], recipe: Recipe, width: int, world: int, fused: bool
) -> tuple[float, float]:
    """Bytes of the trained weights' gradients, and of the optimizer's copies and moments."""
    count = sum(p.numel() for p in trained)
    largest = _largest(trained)
    copies = width == 2 and recipe.optimizer_precision == "fp32"
    slot = 4 if copies or width == 4 else 2
    own = 4 if copies else slot if world > 1 else 0  # the weights that it updates
    optimizer = count * (2 * slot + own) / world
    if world > 1:  # beside a part, the largest whole one as it is, as it is sent, and as it comes
        return count * slot / world + 3 * largest * width, optimizer
    if copies and fused and recipe.method == "full":
        return count * width, optimizer  # they stay as the pass left them
    return count * slot + (largest * width if copies else 0), optimizer


def _largest(trained: Sequence[Any]) -> int:
    return max((p.numel() for p in trained), default=0)


def gpu_capacity(device: Any) -> float | None:
    """Return the GiB that this process may use of its GPU; None on a CPU."""
    if device.type != "cuda":
        return None
    import torch

    return (torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)) / GIB


def peak_gib(device: Any) -> float:
    """Return the most GiB that this process has used, or its GPU where it trains on one."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


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
