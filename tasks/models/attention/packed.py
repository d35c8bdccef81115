"""Attention over packed documents without a mask: `torch_varlen`, for transformers' models.

A batch is one flat row (1, T) of documents, one behind the other; where each begins travels
through the model's forward as transformers' FlashAttentionKwargs do. On a GPU our kernels compute
it (`gpu`), or `torch.nn.attention.varlen` where heads have another dimension or a window; on the
CPU documents of about one length are computed together where it trains (`documents`). Else, in
float32 on a GPU and where attention has dropout, each is computed by itself.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

from tasks.models.attention.documents import Attention, attend_in_groups

NAME = "torch_varlen"


def use_varlen(model: Any) -> None:
    """Switch a transformers model to this attention; each forward then needs `boundaries`.

    No mask function is registered beside it: transformers then builds no mask, and does not look
    for documents in the position ids, which would wait for the GPU at each forward.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, varlen_attention)
    model.set_attn_implementation(NAME)


def boundaries(lengths: list[int]) -> dict[str, Any]:
    """Return the forward arguments that tell documents of these lengths apart.

    `cu_seq_lens_q` and `_k` are (D + 1) int32, from 0 to T; `max_length_q` and `_k` are numbers,
    so that no kernel waits for the GPU to know them.
    """
    import torch

    starts = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
    longest = max(lengths)
    return {
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def varlen_attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    cu_seq_lens_q: Any = None,
    max_length_q: int = 0,
    **_: Any,
) -> tuple[Any, None]:
    """Causal attention, each document to itself; query (1, H, T, D), key and value (1, G, T, D).

    G divides H (grouped queries). Returns (1, T, H, D). ValueError where no boundaries came.
    """
    import torch

    if cu_seq_lens_q is None or attention_mask is not None or len(query) != 1:
        raise ValueError(f"{NAME} takes one flat row with its boundaries, and no mask")
    known = value.dtype != torch.float32 if query.is_cuda else query.requires_grad
    if dropout or not known:
        attend = _attention(scaling, dropout, sliding_window)
        return _one_by_one(query, key, value, _lengths(cu_seq_lens_q), attend), None
    q, k, v = (part.squeeze(0).transpose(0, 1).to(value.dtype) for part in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = packed_attention(q, k, v, cu_seq_lens_q, max_length_q, scale, sliding_window)
    return out.unsqueeze(0), None


def packed_attention(
    q: Any, k: Any, v: Any, starts: Any, longest: int, scale: float, window: int | None = None
) -> Any:
    """Return (T, H, D) for q (T, H, D), k and v (T, G, D); on a GPU in bf16 or fp16."""
    if not q.is_cuda:
        return attend_in_groups(q, k, v, _lengths(starts), _attention(scale, 0.0, window))
    if window is None and own_kernels(q.shape[-1]):
        from tasks.models.attention.gpu import attend

        return attend(q, k, v, starts, scale)
    left = -1 if window is None else window - 1
    return _torch_kernel()(q, k, v, starts, longest, scale, left)


@cache
def own_kernels(dim: int) -> bool:
    """Tell whether our kernels can attend with heads of this dimension: they need Triton."""
    if find_spec("triton") is None:
        return False
    from tasks.models.attention.gpu import TILE

    return dim in TILE


def _one_by_one(query: Any, key: Any, value: Any, lengths: list[int], attend: Attention) -> Any:
    import torch

    documents = zip(*(part.split(lengths, dim=2) for part in (query, key, value)), strict=True)
    return torch.cat([attend(*document).transpose(1, 2) for document in documents], dim=1)


def _attention(scale: float | None, dropout: float, window: int | None) -> Attention:
    """Return torch's causal attention, in which each token may see the window - 1 before it."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    def attend(q: Any, k: Any, v: Any) -> Any:
        mask, length = None, q.shape[2]
        if window and length > window:
            mask = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
            mask = mask.triu(1 - window)
        return scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=dropout,
            is_causal=mask is None,
            scale=scale,
            enable_gqa=q.shape[1] != k.shape[1],
        )

    return attend


def _lengths(starts: Any) -> list[int]:
    """Return how long the documents are that begin there (D + 1)."""
    return starts.diff().tolist()


@cache
def _torch_kernel() -> Any:
    """Return f(query, key, value (T, heads, D), starts, longest, scale, left window)."""
    from torch.nn.attention.varlen import varlen_attn

    known = set(inspect.signature(varlen_attn).parameters)
    scales, windows, groups = (n in known for n in ("scale", "window_size", "enable_gqa"))

    def attend(q: Any, k: Any, v: Any, starts: Any, longest: int, scale: Any, left: int) -> Any:
        options: dict[str, Any] = {"scale": scale} if scales else {}
        if windows:
            options["window_size"] = (left, 0)
        elif left < 0:
            options["is_causal"] = True
        else:
            raise ValueError("this torch's variable-length attention has no sliding window")
        if groups:  # torch 2.11 takes grouped queries unasked
            options["enable_gqa"] = q.shape[1] != k.shape[1]
        return varlen_attn(q, k, v, starts, starts, longest, longest, **options)

    return attend
