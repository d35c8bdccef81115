"""The Triton kernels of `attention_gpu`: causal attention of packed documents and its gradient.

A program works on one tile of a document: (begin, end, number) in `tiles`, a number below zero for
one that does not exist. Softmax is to base 2, so `scale2` is the scale times log2(e). Formula: Dao
2023 (FlashAttention-2), algorithms 1 and 2; scores are computed three times instead of twice, so
that nothing is added up in memory.
"""

# Triton compiles annotations too, so its functions have none.
# pyright: basic, reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _read(base, at, exist, whole: tl.constexpr):
    if whole:
        return tl.load(base + at)
    return tl.load(base + at, mask=exist[:, None], other=0.0)


@triton.jit
def _mix(
    query,
    k,
    v,
    lanes,
    k_stride,
    v_stride,
    columns,
    rows,
    end,
    scale2,
    state,
    whole: tl.constexpr,
):
    highest, total, mixed = state
    key = _read(k, columns[:, None] * k_stride + lanes, columns < end, whole)
    scores = tl.dot(query, tl.trans(key)) * scale2
    if not whole:
        scores = tl.where(columns[None, :] <= rows[:, None], scores, float("-inf"))
    higher = tl.maximum(highest, tl.max(scores, 1))
    weights = tl.exp2(scores - higher[:, None])
    kept = tl.exp2(highest - higher)
    value = _read(v, columns[:, None] * v_stride + lanes, columns < end, whole)
    mixed = tl.dot(weights.to(value.dtype), value, mixed * kept[:, None])
    return higher, total * kept + tl.sum(weights, 1), mixed


@triton.jit
def forward(
    q,
    k,
    v,
    out,
    sums,
    tiles,
    tokens,
    scale2,
    q_stride,
    k_stride,
    v_stride,
    heads: tl.constexpr,
    groups: tl.constexpr,
    dim: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    head = tl.program_id(0)
    place = tiles + tl.program_id(1) * 3
    begin, end, first = tl.load(place), tl.load(place + 1), tl.load(place + 2) * tile
    if first < 0:
        return
    first += begin
    rows = first + tl.arange(0, tile)
    inside = rows < end
    lanes = tl.arange(0, dim)[None, :]
    query = _read(q, rows[:, None] * q_stride + head * dim + lanes, inside, False)
    lanes += head // (heads // groups) * dim
    highest = tl.full([tile], float("-inf"), tl.float32)
    state = highest, tl.zeros([tile], tl.float32), tl.zeros([tile, dim], tl.float32)
    for start in range(begin, first, block):
        columns = start + tl.arange(0, block)
        state = _mix(
            *(query, k, v, lanes, k_stride, v_stride, columns, rows, end, scale2, state), True
        )
    for start in range(first, tl.minimum(first + tile, end), block):
        columns = start + tl.arange(0, block)
        state = _mix(
            *(query, k, v, lanes, k_stride, v_stride, columns, rows, end, scale2, state), False
        )
    highest, total, mixed = state
    mixed = mixed / total[:, None]
    at = (rows[:, None] * heads + head) * dim + tl.arange(0, dim)[None, :]
    tl.store(out + at, mixed.to(out.dtype.element_ty), mask=inside[:, None])
    tl.store(sums + head * tokens + rows, highest + tl.log2(total), mask=inside)


@triton.jit
def _slope(query, above, k, v, there, columns, rows, end, scale2, norm, delta, whole: tl.constexpr):
    key = _read(k, there, columns < end, whole)
    value = _read(v, there, columns < end, whole)
    weights = tl.exp2(tl.dot(query, tl.trans(key)) * scale2 - norm[:, None])
    if not whole:
        weights = tl.where(columns[None, :] <= rows[:, None], weights, 0.0)
    slope = weights * (tl.dot(above, tl.trans(value)) - delta[:, None])
    return slope.to(key.dtype), key


@triton.jit
def backward_queries(
    q,
    k,
    v,
    out,
    grad_out,
    sums,
    deltas,
    grad_q,
    tiles,
    tokens,
    scale,
    scale2,
    heads: tl.constexpr,
    groups: tl.constexpr,
    dim: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    head = tl.program_id(0)
    place = tiles + tl.program_id(1) * 3
    begin, end, first = tl.load(place), tl.load(place + 1), tl.load(place + 2) * tile
    if first < 0:
        return
    first += begin
    rows = first + tl.arange(0, tile)
    inside = rows < end
    lanes = tl.arange(0, dim)
    at = (rows[:, None] * heads + head) * dim + lanes[None, :]
    query = _read(q, at, inside, False)
    above = _read(grad_out, at, inside, False)
    mixed = _read(out, at, inside, False)
    delta = tl.sum(above.to(tl.float32) * mixed.to(tl.float32), 1)
    tl.store(deltas + head * tokens + rows, delta, mask=inside)
    norm = tl.load(sums + head * tokens + rows, mask=inside, other=float("inf"))
    group = head // (heads // groups)
    grad = tl.zeros([tile, dim], tl.float32)
    for start in range(begin, first, block):
        columns = start + tl.arange(0, block)
        there = (columns[:, None] * groups + group) * dim + lanes[None, :]
        slope, key = _slope(
            query, above, k, v, there, columns, rows, end, scale2, norm, delta, True
        )
        grad = tl.dot(slope, key, grad)
    for start in range(first, tl.minimum(first + tile, end), block):
        columns = start + tl.arange(0, block)
        there = (columns[:, None] * groups + group) * dim + lanes[None, :]
        slope, key = _slope(
            query, above, k, v, there, columns, rows, end, scale2, norm, delta, False
        )
        grad = tl.dot(slope, key, grad)
    tl.store(grad_q + at, (grad * scale).to(grad_q.dtype.element_ty), mask=inside[:, None])


@triton.jit
def _slopes(
    q,
    grad_out,
    sums,
    deltas,
    key,
    value,
    head,
    rows,
    columns,
    end,
    tokens,
    scale2,
    grads,
    heads: tl.constexpr,
    dim: tl.constexpr,
    crossing: tl.constexpr,
):
    grad_key, grad_value = grads
    inside = rows < end
    at = (rows[:, None] * heads + head) * dim + tl.arange(0, dim)[None, :]
    query = _read(q, at, inside, False)
    above = _read(grad_out, at, inside, False)
    # A row behind the document's end gets no weight: its sum is infinite.
    norm = tl.load(sums + head * tokens + rows, mask=inside, other=float("inf"))
    delta = tl.load(deltas + head * tokens + rows, mask=inside, other=0.0)
    weights = tl.exp2(tl.dot(key, tl.trans(query)) * scale2 - norm[None, :])
    if crossing:
        weights = tl.where(columns[:, None] <= rows[None, :], weights, 0.0)
    grad_value = tl.dot(weights.to(above.dtype), above, grad_value)
    slope = weights * (tl.dot(value, tl.trans(above)) - delta[None, :])
    return tl.dot(slope.to(query.dtype), query, grad_key), grad_value


@triton.jit
def backward_keys(
    q,
    k,
    v,
    grad_out,
    sums,
    deltas,
    grad_k,
    grad_v,
    tiles,
    tokens,
    scale,
    scale2,
    heads: tl.constexpr,
    groups: tl.constexpr,
    dim: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    group = tl.program_id(0)
    place = tiles + tl.program_id(1) * 3
    begin, end, number = tl.load(place), tl.load(place + 1), tl.load(place + 2)
    if number < 0:
        return
    # What is the last tile for a query is the first for a key: both see the heavy ones first.
    first = begin + ((end - begin + tile - 1) // tile - 1 - number) * tile
    columns = first + tl.arange(0, tile)
    exist = columns < end
    there = (columns[:, None] * groups + group) * dim + tl.arange(0, dim)[None, :]
    key, value = _read(k, there, exist, False), _read(v, there, exist, False)
    grads = tl.zeros([tile, dim], tl.float32), tl.zeros([tile, dim], tl.float32)
    shared: tl.constexpr = heads // groups
    # The heads of a group and their blocks of rows in one loop, which is then read ahead.
    blocks = (tl.minimum(first + tile, end) - first + block - 1) // block
    for step in range(0, blocks * shared):
        head = group * shared + step // blocks
        rows = first + (step % blocks) * block + tl.arange(0, block)
        grads = _slopes(
            *(q, grad_out, sums, deltas, key, value, head, rows, columns, end, tokens, scale2),
            *(grads, heads, dim, True),
        )
    blocks = (tl.maximum(end - first - tile, 0) + block - 1) // block
    for step in range(0, blocks * shared):
        head = group * shared + step // blocks
        rows = first + tile + (step % blocks) * block + tl.arange(0, block)
        grads = _slopes(
            *(q, grad_out, sums, deltas, key, value, head, rows, columns, end, tokens, scale2),
            *(grads, heads, dim, False),
        )
    grad_key, grad_value = grads
    grad_key *= scale
    tl.store(grad_k + there, grad_key.to(grad_k.dtype.element_ty), mask=exist[:, None])
    tl.store(grad_v + there, grad_value.to(grad_v.dtype.element_ty), mask=exist[:, None])
