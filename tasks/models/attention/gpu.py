"""Causal attention of packed documents on a GPU, forward and backward; needs Triton.

torch's variable-length kernel is made for long sequences: it starts a program for every block that
the longest document would have, sums gradients of queries in float32 in memory, and keys' and
values' once a query head. Documents of a chat are a few blocks long, so all that costs more than
the products themselves. Here programs exist for blocks that exist, the heaviest first; what reads
a key is added up in registers, over all the query heads that share it.
"""

# pyright: basic, reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cache
from typing import Any

from tasks.models.attention import kernels

LOG2E = 1.4426950408889634
# By head dimension: the rows of a document that one program works on; then the rows of the other
# side that it reads at a time, its warps, and its reads ahead. Of some 60 on an H100 these are the
# fastest for documents of 200 to 16,384 tokens.
TILE = {64: 128, 128: 64}
FORWARD = {64: (64, 8, 3), 128: (64, 4, 2)}
QUERIES = {64: (32, 8, 3), 128: (32, 4, 2)}
KEYS = {64: (32, 4, 3), 128: (64, 4, 2)}


@dataclass
class _Batch:
    """A batch's tiles, by their size: all its layers share them."""

    starts: Any  # a weak reference
    tiles: dict[int, Any]


_last: list[_Batch] = []


def tiles_for(starts: Any, tokens: int, tile: int) -> Any:
    """Return `tiles_of`, once for all layers that are given the same `starts`."""
    batch = _last[0] if _last else None
    if batch is None or batch.starts() is not starts:
        batch = _Batch(weakref.ref(starts), {})
        _last[:] = [batch]
    if tile not in batch.tiles:
        batch.tiles[tile] = tiles_of(starts, tokens, tile)
    return batch.tiles[tile]


def tiles_of(starts: Any, tokens: int, tile: int) -> Any:
    """Return (N, 3) int32: each tile's document (begin, end) and its number there, heavy first.

    `starts` is (D + 1) int32, from 0 to `tokens`. N is a bound, so that nothing waits for the GPU;
    tiles that do not exist have a number below zero.
    """
    import torch

    counts = (starts.diff() + tile - 1) // tile
    ends = counts.cumsum(0)
    places = torch.arange(tokens // tile + len(counts), device=starts.device)
    document = torch.searchsorted(ends, places, right=True)
    exists = document < len(counts)
    document = document.clamp(max=len(counts) - 1)
    number = torch.where(exists, places - (ends - counts)[document], -1)
    tiles = torch.stack([starts[document], starts[document + 1], number], dim=1)
    return tiles[number.argsort(descending=True)].int()


def attend(q: Any, k: Any, v: Any, starts: Any, scale: float) -> Any:
    """Return (T, H, D) for q (T, H, D), k and v (T, G, D), G dividing H; each document to itself.

    `starts` is (D + 1) int32, from 0 to T. q, k and v may be slices of one tensor.
    """
    tiles = tiles_for(starts, len(q), TILE[q.shape[-1]])
    return _function().apply(*map(_with_heads_together, (q, k, v)), tiles, scale)


def _with_heads_together(x: Any) -> Any:
    _, heads, dim = x.stride()
    return x if (heads, dim) == (x.shape[2], 1) else x.contiguous()


def _forward_pass(q: Any, k: Any, v: Any, tiles: Any, scale: float) -> tuple[Any, Any]:
    """Return the output, and the logarithm to base 2 of the softmax's sums (H, T)."""
    import torch

    tokens, heads, dim = q.shape
    out = torch.empty(tokens, heads, dim, dtype=q.dtype, device=q.device)
    sums = torch.empty(heads, tokens, device=q.device)
    block, warps, stages = FORWARD[dim]
    kernels.forward[(heads, len(tiles))](
        *(q, k, v, out, sums, tiles, tokens, scale * LOG2E, q.stride(0), k.stride(0), v.stride(0)),
        *(heads, k.shape[1], dim, TILE[dim], block),
        num_warps=warps,
        num_stages=stages,
    )
    return out, sums


@cache
def _function() -> Any:
    import torch

    class PackedAttention(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, q: Any, k: Any, v: Any, tiles: Any, scale: float) -> Any:
            out, sums = _forward_pass(q, k, v, tiles, scale)
            ctx.save_for_backward(q, k, v, out, sums, tiles)
            ctx.scale = scale
            return out

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            *parts, out, sums, tiles = ctx.saved_tensors
            q, k, v, grad_out = (part.contiguous() for part in (*parts, grads[0]))
            heads, groups, dim = q.shape[1], k.shape[1], q.shape[2]
            grad_q, grad_k, grad_v = map(torch.empty_like, (q, k, v))
            deltas = torch.empty_like(sums)
            shape = (heads, groups, dim, TILE[dim])
            block, warps, stages = QUERIES[dim]
            kernels.backward_queries[(heads, len(tiles))](
                *(q, k, v, out, grad_out, sums, deltas, grad_q, tiles, len(q), ctx.scale),
                *(ctx.scale * LOG2E, *shape, block),
                num_warps=warps,
                num_stages=stages,
            )
            block, warps, stages = KEYS[dim]
            kernels.backward_keys[(groups, len(tiles))](
                *(q, k, v, grad_out, sums, deltas, grad_k, grad_v, tiles, len(q), ctx.scale),
                *(ctx.scale * LOG2E, *shape, block),
                num_warps=warps,
                num_stages=stages,
            )
            return grad_q, grad_k, grad_v, None, None

    return PackedAttention
