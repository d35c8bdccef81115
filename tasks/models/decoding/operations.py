"""What a decoder block does between its matrix products, in plain torch.

It rounds where transformers' Llama rounds, so that both give the same answers. It is what runs on
the CPU and what the kernels of a GPU (`fused.py`) are compared with. Nothing in it waits for the
device, so a step of it can be captured as a graph, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from tasks.models.decoding.weights import Shape

# The rows of the state, int32 (6, slots + 1); the last column belongs to rows of padding.
TOKEN, LENGTH, ALIVE, MADE, BUDGET, CASE = range(6)
_BLOCK = 128
_AT_ONCE = 1 << 18  # logits whose exponentials are summed together: what a core's cache holds


@dataclass
class Rows:
    """Which slot each row of a pass stands in, and at which position of its text.

    `index` are the slots again, as a slice where they are the first ones in order: a cache is
    then read where it lies. `longest` is not exceeded by any position + 1.
    """

    slots: Any
    positions: Any
    index: Any
    longest: int
    dtype: Any

    @cached_property
    def mask(self) -> Any:
        """What is added to attention scores: 0 up to a row's position, minus infinity after."""
        import torch

        places = torch.arange(self.longest, device=self.positions.device)
        hidden = places > self.positions[:, None]
        zeros = torch.zeros(hidden.shape, dtype=self.dtype, device=hidden.device)
        return zeros.masked_fill_(hidden, float("-inf"))[:, None, None]


@dataclass
class Board:
    """Where the slots stand, and what every case was answered (one case more, for padding)."""

    state: Any
    answers: Any  # int32 (cases + 1, most tokens)
    counts: Any  # int32 (cases + 1)
    ended: Any  # int32 (cases + 1): 1 where an end token came
    ends: Any  # int32, the end tokens
    sums: Any  # float32 (cases + 1): log-probabilities of what was chosen, the end token too


class Operations(Protocol):
    """What the engine asks of a device."""

    name: str

    def add_norm(self, x: Any, residual: Any, weight: Any) -> tuple[Any, Any]:
        """Return (RMSNorm(x + residual) * weight, x + residual); rows by width."""
        ...

    def turns(self, cos: Any, sin: Any, positions: Any) -> tuple[Any, Any]:
        """Return what `rotate` wants for these positions; cos and sin are (longest, dim / 2)."""
        ...

    def rotate(
        self, qkv: Any, slots: Any, positions: Any, keys: Any, values: Any, turn: tuple[Any, Any]
    ) -> None:
        """Rotate queries and keys (rows, heads + 2 groups, dim) in place; put keys, values away."""
        ...

    def attend(self, qkv: Any, rows: Rows, keys: Any, values: Any) -> Any:
        """Return (rows, heads * dim): each row's attention over what its slot holds."""
        ...

    def swiglu(self, gate_up: Any) -> Any:
        """Return silu(gate) * up of (rows, 2 inner)."""
        ...

    def advance(self, logits: Any, slots: Any, board: Board) -> None:
        """Choose each row's likeliest token and write it down where the slot's text goes on.

        Its log-probability (natural, at temperature 1) is added to its case's sum.
        """
        ...


def likeliest(logits: Any) -> Any:
    """Return the place of each row's largest number, the first of equal ones.

    A processor finds the place slowly and the number fast, so the place is looked for in the
    first block that holds the number.
    """
    import torch

    rows, columns = logits.shape
    if logits.device.type != "cpu" or columns % _BLOCK:
        return logits.argmax(-1)
    blocks = logits.unflatten(1, (-1, _BLOCK))
    first = blocks.amax(-1).argmax(-1)
    within = blocks[torch.arange(rows), first].argmax(-1)
    return first * _BLOCK + within


def log_probabilities(logits: Any, chosen: Any) -> Any:
    """Return (rows), float32: the log of what a softmax gives each row's likeliest token.

    Exponentials are taken in float32 against the largest logit, so that none overflows.
    """
    import torch

    highest = logits.gather(1, chosen[:, None].long()).float()
    rows = max(1, _AT_ONCE // logits.shape[1]) if logits.device.type == "cpu" else len(logits)
    sums = [
        (part.float() - most).exp_().sum(-1)
        for part, most in zip(logits.split(rows), highest.split(rows), strict=True)
    ]
    return -torch.cat(sums).log()


class Plain:
    """The operations in torch."""

    name = "torch"

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def add_norm(self, x: Any, residual: Any, weight: Any) -> tuple[Any, Any]:
        """See Operations."""
        import torch

        total = x if residual is None else residual + x
        wide = total.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.shape.epsilon)
        return weight * wide.to(x.dtype), total

    def turns(self, cos: Any, sin: Any, positions: Any) -> tuple[Any, Any]:
        """See Operations."""
        return cos[positions][:, None], sin[positions][:, None]

    def rotate(
        self, qkv: Any, slots: Any, positions: Any, keys: Any, values: Any, turn: tuple[Any, Any]
    ) -> None:
        """See Operations; keys and values are (slots + 1, groups, longest, dim)."""
        import torch

        shape = self.shape
        cos, sin = turn
        turned = qkv[:, : shape.heads + shape.groups]
        first, second = turned.chunk(2, dim=-1)
        new = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
        turned.copy_(new)
        keys[slots, :, positions] = new[:, shape.heads :]
        values[slots, :, positions] = qkv[:, shape.heads + shape.groups :]

    def attend(self, qkv: Any, rows: Rows, keys: Any, values: Any) -> Any:
        """See Operations: a group's queries stand in for a text's, so no key is repeated."""
        from torch.nn.functional import scaled_dot_product_attention

        shape = self.shape
        queries = qkv[:, : shape.heads].unflatten(1, (shape.groups, -1))
        out = scaled_dot_product_attention(
            queries,
            keys[:, :, : rows.longest][rows.index],
            values[:, :, : rows.longest][rows.index],
            attn_mask=rows.mask.expand(-1, 1, queries.shape[2], -1),
            scale=shape.scale,
        )
        return out.reshape(len(qkv), shape.heads * shape.dim)

    def swiglu(self, gate_up: Any) -> Any:
        """See Operations."""
        from torch.nn.functional import silu

        gate, up = gate_up.chunk(2, dim=-1)
        return silu(gate).mul_(up)

    def advance(self, logits: Any, slots: Any, board: Board) -> None:
        """See Operations; where several rows are of padding, they all write the same."""
        import torch

        chosen = likeliest(logits).to(torch.int32)
        likely = log_probabilities(logits, chosen)
        _, length, alive, made, budget, case = board.state[:, slots]
        living = alive > 0
        ended = living & (chosen[:, None] == board.ends).any(-1)
        said = living & ~ended
        cases, place = case.long(), made.clamp(max=board.answers.shape[1] - 1).long()
        board.answers[cases, place] = torch.where(said, chosen, board.answers[cases, place])
        made = made + said
        board.counts[cases] = torch.where(living, made, board.counts[cases])
        board.ended[cases] = torch.where(ended, 1, board.ended[cases])
        board.sums[cases] = torch.where(living, board.sums[cases] + likely, board.sums[cases])
        board.state[TOKEN, slots] = chosen
        board.state[LENGTH, slots] = length + living
        board.state[MADE, slots] = made
        board.state[ALIVE, slots] = (said & (made < budget)).to(torch.int32)
