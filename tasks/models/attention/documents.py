"""Attention of packed documents by torch's own, in few calls, for training on a CPU.

A call takes as long for a short document as for a few, so documents of about one length go through
one call together, the shorter ones with places behind their end, which a causal mask hides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

# torch's attention in bf16 on a CPU takes four times as long backward as in float32 on documents
# of 50 tokens, as long on 300, and half as long on 2,000 (torch 2.13, with AMX).
WIDENED = 256
FILLED = 0.75  # least share of the places of a call that hold a token

# Computes (N, H, L, D) of queries (N, H, L, D), keys and values (N, G, L, D).
Attention = Callable[[Any, Any, Any], Any]


class Group(NamedTuple):
    """So many documents of one call, from place `start` on, each in `longest` places."""

    start: int
    documents: int
    longest: int

    @property
    def end(self) -> int:
        """Return the place behind the last."""
        return self.start + self.documents * self.longest


class Plan(NamedTuple):
    """Groups, shorter ones last; the token (P) of each place, and the place (T) of each token.

    `back` (P) is `tokens` with T where a place holds none; `wide` the place where groups begin that
    are computed in float32.
    """

    groups: tuple[Group, ...]
    tokens: Any
    places: Any
    back: Any
    wide: int


def attend_in_groups(q: Any, k: Any, v: Any, lengths: Sequence[int], attend: Attention) -> Any:
    """Return (T, H, D) for q (T, H, D), k and v (T, G, D) of documents of these lengths."""
    import torch

    plan, move = group(tuple(lengths)), _function()
    placed = [move.apply(part, plan.tokens, plan.places, False) for part in (q, k, v)]
    as_they_are = [part[: plan.wide] for part in placed]
    widened = [part[plan.wide :].float() for part in placed]
    outs: list[Any] = []
    for one in plan.groups:
        wide = one.start >= plan.wide
        shift = plan.wide if wide else 0
        inside = slice(one.start - shift, one.end - shift)
        parts = (part[inside] for part in (widened if wide else as_they_are))
        shape = one.documents, one.longest
        out = attend(*(part.unflatten(0, shape).transpose(1, 2) for part in parts))
        outs.append(out.transpose(1, 2).flatten(0, 1).to(q.dtype))
    return move.apply(torch.cat(outs), plan.places, plan.back, True)


@lru_cache(maxsize=4)  # all layers of a model share a batch's
def group(lengths: tuple[int, ...]) -> Plan:
    """Return which documents go through one call, and where their tokens are to be."""
    import torch

    order = sorted(range(len(lengths)), key=lambda one: -lengths[one])
    begins = [0, *accumulate(lengths)]
    groups: list[Group] = []
    tokens, back, places = list[int](), list[int](), [0] * begins[-1]
    while order:
        members = _first(order, lengths)
        longest, order = lengths[members[0]], order[len(members) :]
        groups.append(Group(len(tokens), len(members), longest))
        for one in members:
            own, behind = range(begins[one], begins[one + 1]), longest - lengths[one]
            places[own.start : own.stop] = range(len(tokens), len(tokens) + len(own))
            tokens += [*own, *[own.start] * behind]
            back += [*own, *[begins[-1]] * behind]
    wide = next((one.start for one in groups if one.longest < WIDENED), len(tokens))
    return Plan(tuple(groups), torch.tensor(tokens), torch.tensor(places), torch.tensor(back), wide)


def _first(order: Sequence[int], lengths: Sequence[int]) -> Sequence[int]:
    """Return the longest document, and those behind it that may share its call."""
    longest, held = lengths[order[0]], 0
    for count, one in enumerate(order):
        held += lengths[one]
        if held < FILLED * longest * (count + 1):
            return order[:count]
    return order


@cache
def _function() -> Any:
    """Return f(x, index, inverse, ends) = x[index], whose gradient is taken by `inverse`.

    With `ends`, an index in `inverse` one beyond the last stands for a zero.
    """
    import torch

    class Move(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, index: Any, inverse: Any, ends: bool) -> Any:
            ctx.inverse, ctx.ends = inverse, ends
            return x.index_select(0, index)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            grad = grads[0]
            if ctx.ends:
                grad = torch.cat([grad, grad.new_zeros(1, *grad.shape[1:])])
            return grad.index_select(0, ctx.inverse), None, None, None

    return Move
