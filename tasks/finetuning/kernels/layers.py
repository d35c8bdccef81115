"""Llama's decoder layers laid out for training on a GPU: large matrix products, little between.

What lies between two products moves memory, and costs a third of a step as transformers computes
it. Here rows stay (T, heads, D), as variable-length attention reads them, so nothing is
transposed; adding to the residual and its norm are one kernel (RoPE and SwiGLU are Liger's);
and linear layers that read the same input are differentiated together.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from tasks.finetuning.kernels.linears import linears
from tasks.models.attention.packed import packed_attention


def can_lay_out(model: Any, precision: str) -> bool:
    """Tell whether a causal LM's layers are ones that this module can compute."""
    config = model.config
    known = config.model_type in ("llama", "mistral") and config.hidden_act == "silu"
    return known and not config.attention_dropout and precision == "bf16"


def lay_out(model: Any) -> None:
    """Give every decoder layer of a model this module's forward."""
    for layer in model.get_decoder().layers:
        layer.forward = types.MethodType(_forward(model.config), layer)


def _forward(config: Any) -> Callable[..., Any]:
    """Return a decoder layer's forward, as transformers calls it, for packed rows (1, T, H)."""
    from liger_kernel.transformers.functional import (  # pyright: ignore[reportMissingImports]
        liger_swiglu,
    )

    from tasks.finetuning.kernels.norms import add_norm

    epsilon = config.rms_norm_eps

    def forward(
        layer: Any, hidden_states: Any, position_embeddings: Any = None, **documents: Any
    ) -> Any:
        mixer, mlp, norm = layer.self_attn, layer.mlp, layer.input_layernorm.weight
        hidden = hidden_states.squeeze(0)  # indexing would copy the gradient
        normed, residual = add_norm(hidden, None, norm, epsilon)
        attended = _attend(config, mixer, normed, position_embeddings, documents)
        (mixed,) = linears(attended, [mixer.o_proj])
        norm = layer.post_attention_layernorm.weight
        normed, residual = add_norm(mixed, residual, norm, epsilon)
        gate, up = linears(normed, [mlp.gate_proj, mlp.up_proj])
        (out,) = linears(liger_swiglu(gate, up), [mlp.down_proj])
        return (residual + out).unsqueeze(0)

    return forward


def _attend(config: Any, mixer: Any, normed: Any, turns: Any, documents: Any) -> Any:
    """Return the attention's output (T, heads D), before its last linear layer."""
    from liger_kernel.transformers.functional import (  # pyright: ignore[reportMissingImports]
        liger_rope,
    )

    tokens = len(normed)
    parts: Sequence[Any] = linears(normed, [mixer.q_proj, mixer.k_proj, mixer.v_proj])
    q, k, v = (part.view(tokens, -1, mixer.head_dim) for part in parts)
    # Liger takes (1, heads, T, D) and works on the storage, which is (T, heads, D) all along.
    q, k = (
        part.squeeze(0).transpose(0, 1)
        for part in liger_rope(q[None].transpose(1, 2), k[None].transpose(1, 2), *turns)
    )
    window = getattr(config, "sliding_window", None)
    starts, longest = documents["cu_seq_lens_q"], documents["max_length_q"]
    return packed_attention(q, k, v, starts, longest, mixer.scaling, window).view(tokens, -1)
