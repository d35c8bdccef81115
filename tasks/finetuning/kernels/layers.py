"""Llama's decoder layers laid out for training: large matrix products, little between.

What lies between two products moves memory, and costs a third of a step on a GPU, and most of one
on a CPU, as transformers computes it. Here rows stay (T, heads, D), as variable-length attention
reads them, so nothing is transposed; a residual is added with its norm; and linear layers that read
the same input are differentiated together, with their adapters.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tasks.finetuning.kernels.linears import linears
from tasks.finetuning.kernels.operations import Operations
from tasks.models.attention.packed import packed_attention


def can_lay_out(model: Any) -> bool:
    """Tell whether a causal LM's layers are ones that this module can compute."""
    config = model.config
    known = config.model_type in ("llama", "mistral") and config.hidden_act == "silu"
    return known and not config.attention_dropout


def lay_out(model: Any, operations: Operations) -> None:
    """Give every decoder layer of a model this module's forward."""
    forward = _forward(model.config, operations)
    for layer in model.get_decoder().layers:
        layer.forward = types.MethodType(_checkpointed(forward, layer), layer)


def _checkpointed(forward: Callable[..., Any], layer: Any) -> Callable[..., Any]:
    """Return a forward that computes twice where its layer is told to.

    transformers 5.23 sees to that in the forward of the layer's class, which this one replaces;
    where the class has none of that kind, the layer's call does.
    """
    if not hasattr(type(layer).forward, "__wrapped__"):
        return forward

    def checkpointed(layer: Any, hidden_states: Any, **given: Any) -> Any:
        if not (layer.gradient_checkpointing and layer.training):
            return forward(layer, hidden_states, **given)
        once = partial(forward, layer, **given)
        return layer._gradient_checkpointing_func(once, hidden_states)

    return checkpointed


def _forward(config: Any, operations: Operations) -> Callable[..., Any]:
    """Return a decoder layer's forward, as transformers calls it, for packed rows (1, T, H)."""
    epsilon, add_norm = config.rms_norm_eps, operations.add_norm

    def forward(
        layer: Any, hidden_states: Any, position_embeddings: Any = None, **documents: Any
    ) -> Any:
        mixer, mlp, norm = layer.self_attn, layer.mlp, layer.input_layernorm.weight
        hidden = hidden_states.squeeze(0)  # indexing would copy the gradient
        normed, residual = add_norm(hidden, None, norm, epsilon)
        attended = _attend(config, operations, mixer, normed, position_embeddings, documents)
        (mixed,) = linears(attended, [mixer.o_proj])
        norm = layer.post_attention_layernorm.weight
        normed, residual = add_norm(mixed, residual, norm, epsilon)
        gate, up = linears(normed, [mlp.gate_proj, mlp.up_proj])
        (out,) = linears(operations.swiglu(gate, up), [mlp.down_proj])
        return (residual + out).unsqueeze(0)

    return forward


def _attend(
    config: Any, operations: Operations, mixer: Any, normed: Any, angles: Any, documents: Any
) -> Any:
    """Return the attention's output (T, heads D), before its last linear layer."""
    tokens = len(normed)
    parts: Sequence[Any] = linears(normed, [mixer.q_proj, mixer.k_proj, mixer.v_proj])
    q, k, v = (part.view(tokens, -1, mixer.head_dim) for part in parts)
    q, k = operations.rope(q, k, *angles)
    window = getattr(config, "sliding_window", None)
    starts, longest = documents["cu_seq_lens_q"], documents["max_length_q"]
    return packed_attention(q, k, v, starts, longest, mixer.scaling, window).view(tokens, -1)
