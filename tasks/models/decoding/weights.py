"""A LLaMA-shaped model's weights as the decoder reads them: fewer, larger products.

Query, key and value are one matrix, gate and up another. The model keeps working beside: its own
weights become views of the joined ones, so that nothing is in memory twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model_registry.model_files import LLAMA_SHAPED
from tasks.models.adapters import Adapter, changed_layers

# Rotations whose angle does not depend on how long the text has become.
STEADY_ROTATIONS = frozenset({"default", "linear", "llama3", "yarn"})


@dataclass(frozen=True)
class Shape:
    """The numbers of a model that its operations need."""

    layers: int
    heads: int
    groups: int  # key/value heads
    dim: int  # of a head
    inner: int
    vocabulary: int
    epsilon: float
    scale: float  # of attention scores


@dataclass(frozen=True)
class Linear:
    """y = x W' + b, and with an adapter + (x A') B'; B holds the adapter's scale.

    `packed` is W once more, laid out as a processor's products read it; see `packing.py`.
    """

    weight: Any
    bias: Any = None
    low: Any = None  # A, (R, in)
    high: Any = None  # B, (out, R)
    packed: Any = None

    def __call__(self, x: Any) -> Any:
        """Multiply; x is (rows, in)."""
        import torch
        from torch.nn.functional import linear

        if self.packed is None:
            out = linear(x, self.weight, self.bias)
        else:
            out = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        if self.low is None:
            return out
        return out.addmm_(linear(x, self.low), self.high.t())


@dataclass(frozen=True)
class Layer:
    """One decoder block."""

    before: Any  # the norm's weight
    qkv: Linear
    out: Linear
    between: Any
    gate_up: Linear
    down: Linear


@dataclass(frozen=True)
class Weights:
    """A whole model, and cos and sin (positions, dim / 2) of its rotation."""

    shape: Shape
    embedding: Any
    layers: list[Layer]
    norm: Any
    head: Linear
    cos: Any
    sin: Any


def obstacle(model: Any, longest: int) -> str | None:
    """Return why the decoder cannot do a model's texts of up to `longest` tokens, if it cannot."""
    config = model.config
    if config.model_type not in LLAMA_SHAPED:
        return f"its type is {config.model_type}"
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act}"
    if model.model.rotary_emb.rope_type not in STEADY_ROTATIONS:
        return f"its rotation is {model.model.rotary_emb.rope_type}"
    window = getattr(config, "sliding_window", None)
    return f"its attention slides over {window} tokens" if window and window < longest else None


def take_weights(model: Any, longest: int, adapter: Adapter | None = None) -> Weights:
    """Return a model's weights for texts of up to `longest` tokens, with an adapter's beside."""
    import torch

    if adapter:
        changed_layers(model, adapter)
    with torch.no_grad():
        blocks = model.model.layers
        layers = [_layer(block, f"layers.{i}", adapter) for i, block in enumerate(blocks)]
        positions = torch.arange(longest, device=model.device)[None]
        cos, sin = model.model.rotary_emb(model.model.norm.weight[:1], positions)
    shape = _shape(model)
    return Weights(
        shape=shape,
        embedding=model.model.embed_tokens.weight.detach(),
        layers=layers,
        norm=model.model.norm.weight.detach(),
        head=Linear(model.lm_head.weight.detach()),
        cos=cos[0, :, : shape.dim // 2].contiguous(),
        sin=sin[0, :, : shape.dim // 2].contiguous(),
    )


def _shape(model: Any) -> Shape:
    config, attention = model.config, model.model.layers[0].self_attn
    return Shape(
        layers=len(model.model.layers),
        heads=config.num_attention_heads,
        groups=config.num_key_value_heads,
        dim=attention.head_dim,
        inner=config.intermediate_size,
        vocabulary=model.lm_head.weight.shape[0],
        epsilon=config.rms_norm_eps,
        scale=attention.scaling,
    )


def _layer(block: Any, name: str, adapter: Adapter | None) -> Layer:
    def join(part: Any, inside: str, *names: str) -> Linear:
        paths = [f"{name}.{inside}.{one}_proj" for one in names]
        modules = [getattr(part, f"{one}_proj") for one in names]
        weight, bias = _joined(modules)
        if adapter is None or not any(path in adapter.factors for path in paths):
            return Linear(weight, bias)
        pairs = [adapter.factors.get(path) for path in paths]
        return Linear(weight, bias, *_factors(pairs, modules))

    attention, mlp = block.self_attn, block.mlp
    return Layer(
        before=block.input_layernorm.weight.detach(),
        qkv=join(attention, "self_attn", "q", "k", "v"),
        out=join(attention, "self_attn", "o"),
        between=block.post_attention_layernorm.weight.detach(),
        gate_up=join(mlp, "mlp", "gate", "up"),
        down=join(mlp, "mlp", "down"),
    )


def _joined(modules: list[Any]) -> tuple[Any, Any]:
    """Return the modules' weights and biases one under the other, and let the modules share it."""
    import torch

    if len(modules) == 1:
        bias = modules[0].bias
        return modules[0].weight.detach(), None if bias is None else bias.detach()
    weight = torch.cat([module.weight.detach() for module in modules])
    at = 0
    for module in modules:
        rows = module.weight.shape[0]
        module.weight.data = weight[at : at + rows]
        at += rows
    if modules[0].bias is None:
        return weight, None
    return weight, torch.cat([module.bias.detach() for module in modules])


def _factors(pairs: list[Any], modules: list[Any]) -> tuple[Any, Any]:
    """Return A's rows one under the other and B's as blocks on a diagonal: one product for all."""
    import torch

    lows: list[Any] = []
    highs: list[Any] = []
    for pair, module in zip(pairs, modules, strict=True):
        rows, columns = module.weight.shape
        low, high = pair or (torch.zeros(0, columns), torch.zeros(rows, 0))
        lows.append(low)
        highs.append(high)
    kind = {"device": modules[0].weight.device, "dtype": modules[0].weight.dtype}
    return torch.cat(lows).to(**kind), torch.block_diag(*highs).to(**kind)
