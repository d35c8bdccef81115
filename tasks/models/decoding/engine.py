"""The decoder's passes: prompts into slots of a cache, and one more token for each slot.

The cache is allocated once, (layers, slots + 1, groups, longest, dim); the last slot takes what
rows of padding write. What was chosen stays on the device until all cases are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from tasks.models.attention.packed import varlen_attention
from tasks.models.decoding.operations import (
    ALIVE,
    LENGTH,
    TOKEN,
    Board,
    Operations,
    Rows,
)
from tasks.models.decoding.weights import Weights


@dataclass(frozen=True)
class Admitted:
    """A case's prompt and how many tokens may follow, with the slot it goes into."""

    slot: int
    case: int
    ids: Sequence[int]
    budget: int


class Engine:
    """Decodes in plain steps, which suits a CPU."""

    burst = 1  # steps between two looks at who has ended
    lag = 0  # how many looks ago the one is that is acted on
    pass_tokens = 4096  # of prompts in one pass

    def __init__(
        self,
        weights: Weights,
        operations: Operations,
        *,
        slots: int,
        longest: int,
        cases: int,
        most: int,
        ends: Sequence[int],
    ) -> None:
        import torch

        self.weights, self.operations = weights, operations
        self.slots, self.longest, self.cases = slots, longest, cases
        self.device, self.dtype = weights.embedding.device, weights.embedding.dtype
        shape = weights.shape
        size = (shape.layers, slots + 1, shape.groups, longest, shape.dim)
        self.keys = torch.zeros(size, dtype=self.dtype, device=self.device)
        self.values = torch.zeros_like(self.keys)
        state = self._numbers(6, slots + 1)
        state[5] = cases  # of padding, until a slot has a case of its own
        self.board = Board(
            state=state,
            answers=self._numbers(cases + 1, most),
            counts=self._numbers(cases + 1),
            ended=self._numbers(cases + 1),
            ends=torch.tensor(sorted(ends), dtype=torch.int32, device=self.device),
        )
        self.chosen: list[int] = []
        self.rows: Any = None
        self.bounds = [0] * (slots + 1)

    @property
    def name(self) -> str:
        """Say how the answers are computed."""
        return f"steps, {self.operations.name}"

    def _numbers(self, *size: int) -> Any:
        import torch

        return torch.zeros(size, dtype=torch.int32, device=self.device)

    def admit(self, admitted: Sequence[Admitted]) -> None:
        """Run prompts through the model, each into its slot, and choose their first tokens."""
        for part in _parts(admitted, self.pass_tokens):
            self._prefill(part)

    def choose_rows(self, slots: list[int]) -> None:
        """Let the next steps go on with these slots."""
        if slots != self.chosen:
            self.chosen = slots
            self.rows = self._put([slots])[0]

    def step(self, times: int) -> None:
        """Choose `times` more tokens for every chosen slot that has not ended."""
        for _ in range(times):
            for slot in self.chosen:
                self.bounds[slot] += 1
            first = self.chosen == list(range(len(self.chosen)))
            index = slice(0, len(self.chosen)) if first else self.rows
            self._decode(self.rows, index, max(self.bounds[slot] for slot in self.chosen))

    def look(self) -> Callable[[], list[int]]:
        """Note which slots go on (1) now; the function returned tells it when called."""
        alive = self.board.state[ALIVE].tolist()
        return lambda: alive

    def answered(self) -> list[tuple[list[int], bool]]:
        """Return each case's tokens, and whether they end before an end token came."""
        answers = self.board.answers.tolist()
        counts, ended = self.board.counts.tolist(), self.board.ended.tolist()
        return [(answers[i][: counts[i]], not ended[i]) for i in range(self.cases)]

    def _put(self, numbers: Any) -> Any:
        import torch

        return torch.tensor(numbers, dtype=torch.int64, device=self.device)

    def _prefill(self, part: Sequence[Admitted]) -> None:
        import numpy as np
        import torch

        lengths = [len(one.ids) for one in part]
        begins = [0, *accumulate(lengths)]
        flat = self._put(
            np.stack(
                [
                    np.fromiter(chain.from_iterable(one.ids for one in part), np.int64, begins[-1]),
                    np.repeat([one.slot for one in part], lengths),
                    np.arange(begins[-1]) - np.repeat(begins[:-1], lengths),
                ]
            )
        )
        per_case = self._put(
            [
                [one.slot for one in part],
                [one.ids[-1] for one in part],
                [length - 1 for length in lengths],
                [1 for _ in part],
                [0 for _ in part],
                [one.budget for one in part],
                [one.case for one in part],
            ]
        )
        starts = self._put([begins])[0].to(torch.int32)
        for one in part:
            self.bounds[one.slot] = len(one.ids)
        slots = per_case[0]
        self.board.state[:, slots] = per_case[1:].to(torch.int32)
        last = Rows(slots, per_case[2], slots, max(lengths), self.dtype)
        hidden = self._blocks(flat[0], flat[1], flat[2], last, (starts, max(lengths)))
        self._choose(hidden, slots)

    def _decode(self, slots: Any, index: Any, longest: int) -> None:
        """One step; `longest` bounds the texts' lengths after it."""
        state = self.board.state
        tokens, positions = state[TOKEN, slots], state[LENGTH, slots]
        rows = Rows(slots, positions, index, longest, self.dtype)
        self._choose(self._blocks(tokens, slots, positions, rows, None), slots)

    def _blocks(
        self, tokens: Any, slots: Any, positions: Any, rows: Rows, packed: tuple[Any, int] | None
    ) -> Any:
        """Return the normed hidden states of `rows`.

        A step's rows are all its tokens. A pass over packed prompts goes on, once its last block
        has stored keys and values, with the prompts' last tokens alone.
        """
        from torch.nn.functional import embedding

        weights, operations = self.weights, self.operations
        shape, turn = weights.shape, (weights.cos, weights.sin)
        hidden, residual = embedding(tokens, weights.embedding), None
        for number, layer in enumerate(weights.layers):
            keys, values = self.keys[number], self.values[number]
            normed, residual = operations.add_norm(hidden, residual, layer.before)
            qkv = layer.qkv(normed).unflatten(1, (-1, shape.dim))
            operations.rotate(qkv, slots, positions, keys, values, turn)
            if packed is not None and number + 1 < shape.layers:
                attended = self._attend_packed(qkv, *packed)
            else:
                if packed is not None:
                    ends = packed[0][1:] - 1
                    qkv, residual = qkv[ends], residual[ends]
                attended = operations.attend(qkv, rows, keys, values)
            hidden = layer.out(attended)
            normed, residual = operations.add_norm(hidden, residual, layer.between)
            hidden = layer.down(operations.swiglu(layer.gate_up(normed)))
        return operations.add_norm(hidden, residual, weights.norm)[0]

    def _attend_packed(self, qkv: Any, starts: Any, longest: int) -> Any:
        shape = self.weights.shape
        parts = qkv.split([shape.heads, shape.groups, shape.groups], dim=1)
        query, key, value = (part.transpose(0, 1)[None] for part in parts)
        out, _ = varlen_attention(
            None,
            query,
            key,
            value,
            None,
            scaling=shape.scale,
            cu_seq_lens_q=starts,
            max_length_q=longest,
        )
        return out.reshape(len(qkv), shape.heads * shape.dim)

    def _choose(self, hidden: Any, slots: Any) -> None:
        self.operations.advance(self.weights.head(hidden), slots, self.board)


def _parts(admitted: Sequence[Admitted], most: int) -> Iterator[list[Admitted]]:
    """Yield prompts in groups of nearly equal size, of about `most` tokens or fewer.

    A group is at most one prompt longer. A small one left over would cost more than its share.
    """
    total = sum(len(one.ids) for one in admitted)
    groups = -(-total // most)
    part: list[Admitted] = []
    done = group = 0
    for one in admitted:
        # The group in whose share of all tokens this prompt's middle lies.
        belongs = (2 * done + len(one.ids)) * groups // (2 * total)
        if part and belongs > group:
            yield part
            part = []
        group = belongs
        part.append(one)
        done += len(one.ids)
    if part:
        yield part
