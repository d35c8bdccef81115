"""Attention of packed documents in groups, beside each document alone."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from tasks.models.attention import documents, packed

WIDTH = 16


def rows(lengths: list[int], dtype: Any) -> list[Any]:
    """Return queries, keys and values of packed documents."""
    import torch

    torch.manual_seed(sum(lengths))
    total = sum(lengths)
    return [torch.randn(total, heads, WIDTH, dtype=dtype).requires_grad_() for heads in (6, 2, 2)]


def alone(q: Any, k: Any, v: Any, lengths: list[int], window: int | None) -> Any:
    """Return (T, H, D) by the softmax of each document's scores, in float64."""
    import torch

    outs: list[Any] = []
    for parts in zip(*(part.double().split(lengths) for part in (q, k, v)), strict=True):
        asked, keys, values = (part.transpose(0, 1) for part in parts)
        keys, values = (part.repeat_interleave(3, dim=0) for part in (keys, values))
        scores = asked @ keys.mT * WIDTH**-0.5
        hidden = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
        if window:
            hidden |= torch.ones_like(hidden).tril(-window)
        outs.append((scores.masked_fill(hidden, -torch.inf).softmax(-1) @ values).transpose(0, 1))
    return torch.cat(outs)


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize(
    "lengths", [[1], [7, 7, 7], [9, 1, 30, 8, 31, 2, 2], [300, 40, 260, 41, 3], [64] * 3]
)
@pytest.mark.parametrize(("dtype", "near"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_documents_in_groups_are_what_each_is_alone(
    lengths: list[int], window: int | None, dtype: str, near: float
) -> None:
    import torch

    q, k, v = given = rows(lengths, getattr(torch, dtype))
    starts = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
    weights = torch.randn(sum(lengths), 6, WIDTH)
    found: list[list[Any]] = []
    for out in (
        packed.packed_attention(q, k, v, starts, max(lengths), WIDTH**-0.5, window),
        alone(q, k, v, lengths, window),
    ):
        gradients = torch.autograd.grad((out.double() * weights).sum(), given)
        found.append([out.double(), *(gradient.double() for gradient in gradients)])
    for one, other in zip(*found, strict=True):
        # A document of one token has no gradient but rounding's, which processors differ in.
        assert (one - other).norm() < near * max(float(other.norm()), 1.0)


@pytest.mark.parametrize("lengths", [(5,), (30, 31, 29, 4, 4, 3, 600, 590), tuple(range(1, 80))])
def test_a_plan_has_a_place_for_each_token_and_leaves_few_empty(lengths: tuple[int, ...]) -> None:
    plan = documents.group(lengths)
    total = sum(lengths)
    assert plan.tokens[plan.places].tolist() == list(range(total))
    assert sorted(plan.back[plan.back < total].tolist()) == list(range(total))
    assert sum(one.documents for one in plan.groups) == len(lengths)
    for one, after in zip(plan.groups, [*plan.groups[1:], None], strict=True):
        own = plan.back[one.start : one.end]
        assert (own < total).float().mean() >= documents.FILLED
        assert one.end == (after.start if after else len(plan.tokens))
        assert (one.longest < documents.WIDENED) == (one.start >= plan.wide)


def test_documents_alike_share_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    calls: list[tuple[int, ...]] = []
    attention = torch.nn.functional.scaled_dot_product_attention

    def counted(q: Any, *rest: Any, **options: Any) -> Any:
        calls.append(tuple(q.shape))
        return attention(q, *rest, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    lengths = [40, 38, 1, 39, 2, 300]
    starts = torch.tensor([0, *accumulate(lengths)])
    q, k, v = rows(lengths, torch.float32)
    packed.packed_attention(q, k, v, starts, 300, 0.25)
    assert calls == [(1, 6, 300, WIDTH), (3, 6, 40, WIDTH), (2, 6, 2, WIDTH)]
