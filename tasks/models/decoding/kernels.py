"""The Triton kernels of a GPU's decode step; `fused.py` launches them and says what each does.

Values are computed in float32 and rounded to the model's type where transformers' Llama rounds.
Without Triton (a machine without a GPU) the module can be imported all the same.
"""
# What Triton compiles has no types that a checker knows.
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportInvalidTypeForm=false, reportMissingImports=false
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from typing import Any

triton: Any
tl: Any
constexpr: Any  # Triton knows its constants by this word in their annotation
try:
    import triton
    import triton.language as tl

    constexpr = tl.constexpr
except ImportError:  # no GPU, so nothing asks for these kernels
    triton = tl = constexpr = None


def _jit(function: Any) -> Any:
    return function if triton is None else triton.jit(function)


@_jit
def add_norm(x, residual, weight, out, width, epsilon, first: constexpr, block: constexpr):
    """RMSNorm of x + residual, one program a row; `first` says that there is no residual yet."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, block)
    inside = at < width
    value = tl.load(x + row * width + at, mask=inside, other=0.0)
    kind = value.dtype
    if not first:
        before = tl.load(residual + row * width + at, mask=inside, other=0.0)
        value = (value.to(tl.float32) + before.to(tl.float32)).to(kind)
        tl.store(residual + row * width + at, value, mask=inside)
    wide = value.to(tl.float32)
    wide = wide / tl.sqrt(tl.sum(wide * wide, axis=0) / width + epsilon)
    scale = tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * width + at, (wide.to(kind).to(tl.float32) * scale).to(kind), mask=inside)


@_jit
def rotate(
    qkv, slots, positions, cos, sin, keys, values, slot_stride, head_stride,
    heads: constexpr, groups: constexpr, half: constexpr,
    turned_block: constexpr, group_block: constexpr, half_block: constexpr,
):  # fmt: skip
    """Rotate a token's queries and keys, and put its keys and values away; one program a token."""
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slots + token).to(tl.int64)
    position = tl.load(positions + token).to(tl.int64)
    row = qkv + token * (heads + 2 * groups) * 2 * half
    kind = row.dtype.element_ty
    head = tl.arange(0, turned_block)[:, None]
    at = tl.arange(0, half_block)[None, :]
    inside = (head < heads + groups) & (at < half)
    c = tl.load(cos + position * half + at, mask=at < half, other=0.0).to(tl.float32)
    s = tl.load(sin + position * half + at, mask=at < half, other=0.0).to(tl.float32)
    a = tl.load(row + head * 2 * half + at, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(row + head * 2 * half + half + at, mask=inside, other=0.0).to(tl.float32)
    first = ((a * c).to(kind).to(tl.float32) - (b * s).to(kind).to(tl.float32)).to(kind)
    second = ((b * c).to(kind).to(tl.float32) + (a * s).to(kind).to(tl.float32)).to(kind)
    tl.store(row + head * 2 * half + at, first, mask=inside)
    tl.store(row + head * 2 * half + half + at, second, mask=inside)
    place = slot * slot_stride + position * 2 * half
    key = keys + place + (head - heads) * head_stride + at
    is_key = inside & (head >= heads)
    tl.store(key, first, mask=is_key)
    tl.store(key + half, second, mask=is_key)
    group = tl.arange(0, group_block)[:, None]
    inside = (group < groups) & (at < half)
    source = row + (heads + groups + group) * 2 * half + at
    target = values + place + group * head_stride + at
    tl.store(target, tl.load(source, mask=inside, other=0.0), mask=inside)
    tl.store(target + half, tl.load(source + half, mask=inside, other=0.0), mask=inside)


@_jit
def attend(
    qkv, slots, positions, keys, values, out, sums, slot_stride, head_stride, scale,
    heads: constexpr, groups: constexpr, dim: constexpr, dim_block: constexpr,
    queries: constexpr, block: constexpr, splits: constexpr,
):  # fmt: skip
    """Attention of a row's queries of one group over a part of what its slot holds.

    With one part `out` is the result; with several, out is (rows, heads, splits, dim) in float32,
    not yet divided, and `sums` (rows, heads, splits, 2) the maximum and the sum of each.
    """
    row = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1)
    split = tl.program_id(2)
    slot = tl.load(slots + row).to(tl.int64)
    length = tl.load(positions + row).to(tl.int32) + 1
    share = tl.cdiv(tl.cdiv(length, block), splits) * block
    begin = split * share
    end = tl.minimum(begin + share, length)
    member = tl.arange(0, queries)
    head = group * (heads // groups) + member
    at = tl.arange(0, dim_block)
    ours = member < heads // groups
    inside = ours[:, None] & (at < dim)[None, :]
    source = qkv + (row * (heads + 2 * groups) + head[:, None]) * dim + at[None, :]
    query = tl.load(source, mask=inside, other=0.0)
    here = slot * slot_stride + group * head_stride
    highest = tl.full((queries,), float("-inf"), tl.float32)
    total = tl.zeros((queries,), tl.float32)
    sofar = tl.zeros((queries, dim_block), tl.float32)
    for start in range(begin, end, block):
        place = start + tl.arange(0, block)
        known = (place < end)[:, None] & (at < dim)[None, :]
        offset = here + place[:, None] * dim + at[None, :]
        key = tl.load(keys + offset, mask=known, other=0.0)
        score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        score = tl.where((place < end)[None, :], score, float("-inf"))
        higher = tl.maximum(highest, tl.max(score, axis=1))
        weight = tl.exp(score - higher[:, None])
        shrink = tl.exp(highest - higher)
        total = total * shrink + tl.sum(weight, axis=1)
        value = tl.load(values + offset, mask=known, other=0.0)
        added = tl.dot(weight.to(value.dtype), value, input_precision="ieee")
        sofar = sofar * shrink[:, None] + added
        highest = higher
    if splits == 1:
        target = out + (row * heads + head[:, None]) * dim + at[None, :]
        tl.store(target, (sofar / total[:, None]).to(out.dtype.element_ty), mask=inside)
    else:
        part = (row * heads + head) * splits + split
        tl.store(out + part[:, None] * dim + at[None, :], sofar, mask=inside)
        tl.store(sums + part * 2, highest, mask=ours)
        tl.store(sums + part * 2 + 1, total, mask=ours)


@_jit
def combine(
    parts, sums, out, dim: constexpr, dim_block: constexpr, splits: constexpr,
    split_block: constexpr,
):  # fmt: skip
    """Put the parts of a head's attention together, one program a row and head."""
    head = tl.program_id(0).to(tl.int64)
    split = tl.arange(0, split_block)
    at = tl.arange(0, dim_block)
    part = head * splits + split
    highest = tl.load(sums + part * 2, mask=split < splits, other=float("-inf"))
    total = tl.load(sums + part * 2 + 1, mask=split < splits, other=0.0)
    weight = tl.exp(highest - tl.max(highest, axis=0))
    inside = (split < splits)[:, None] & (at < dim)[None, :]
    value = tl.load(parts + part[:, None] * dim + at[None, :], mask=inside, other=0.0)
    result = tl.sum(value * weight[:, None], axis=0) / tl.sum(total * weight, axis=0)
    tl.store(out + head * dim + at, result.to(out.dtype.element_ty), mask=at < dim)


@_jit
def swiglu(gate_up, out, inner, block: constexpr):
    """silu(gate) * up, one program a row and block of columns."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * block + tl.arange(0, block)
    inside = at < inner
    gate = tl.load(gate_up + row * 2 * inner + at, mask=inside, other=0.0)
    up = tl.load(gate_up + row * 2 * inner + inner + at, mask=inside, other=0.0)
    wide = gate.to(tl.float32)
    wide = (wide / (1.0 + tl.exp(-wide))).to(gate.dtype).to(tl.float32)
    tl.store(out + row * inner + at, (wide * up.to(tl.float32)).to(gate.dtype), mask=inside)


@_jit
def likeliest(logits, best, where, mass, vocabulary, chunks, block: constexpr):
    """The highest logit of a chunk of a row and its token; of equal ones, the first.

    `mass` is the sum of the exponentials of the chunk's logits less the highest.
    """
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(1)
    at = chunk * block + tl.arange(0, block)
    inside = at < vocabulary
    value = tl.load(logits + row * vocabulary + at, mask=inside, other=float("-inf"))
    wide = value.to(tl.float32)
    highest, place = tl.max(wide, axis=0, return_indices=True)
    tl.store(best + row * chunks + chunk, highest)
    tl.store(mass + row * chunks + chunk, tl.sum(tl.exp(wide - highest), axis=0))
    tl.store(where + row * chunks + chunk, chunk * block + place)


@_jit
def advance(
    best, where, mass, slots, state, answers, counts, ended, ends, sums, columns, most, chunks,
    end_count: constexpr, end_block: constexpr, chunk_block: constexpr,
):  # fmt: skip
    """Take a row's likeliest token, and let its slot's text go on with it or end."""
    row = tl.program_id(0)
    slot = tl.load(slots + row)
    if tl.load(state + 2 * columns + slot) > 0:
        chunk = tl.arange(0, chunk_block)
        value = tl.load(best + row * chunks + chunk, mask=chunk < chunks, other=float("-inf"))
        token = tl.load(where + row * chunks + tl.argmax(value, axis=0))
        weight = tl.load(mass + row * chunks + chunk, mask=chunk < chunks, other=0.0)
        total = tl.sum(weight * tl.exp(value - tl.max(value, axis=0)), axis=0)
        end = tl.arange(0, end_block)
        is_end = tl.load(ends + end, mask=end < end_count, other=-1) == token
        over = tl.max(is_end.to(tl.int32), axis=0)
        made = tl.load(state + 3 * columns + slot)
        case = tl.load(state + 5 * columns + slot).to(tl.int64)
        if over == 0:
            tl.store(answers + case * most + made, token)
            made += 1
        tl.store(counts + case, made)
        tl.store(ended + case, over)
        tl.store(sums + case, tl.load(sums + case) - tl.log(total))
        length = tl.load(state + columns + slot)
        budget = tl.load(state + 4 * columns + slot)
        tl.store(state + slot, token)
        tl.store(state + columns + slot, length + 1)
        tl.store(state + 2 * columns + slot, ((over == 0) & (made < budget)).to(tl.int32))
        tl.store(state + 3 * columns + slot, made)
