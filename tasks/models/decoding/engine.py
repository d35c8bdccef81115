"""The decoder's passes: prompts into slots of a cache, and one more token for each slot.

The cache is allocated once, (layers, slots + 1, groups, longest, dim); the last slot takes what
rows of padding write. What was chosen stays on the device until all cases are answered. How steps
are run is the device's business: see `processor.py` and `captured.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
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
from tasks.models.decoding.passes import Admitted, Part, in_passes
from tasks.models.decoding.weights import Weights


class Engine(ABC):
    """What every device's engine has."""

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
            sums=torch.zeros(cases + 1, dtype=torch.float32, device=self.device),
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
        for part in in_passes(admitted, self.pass_tokens):
            self._prefill(part)

    @abstractmethod
    def choose_rows(self, slots: list[int]) -> None:
        """Let the next steps go on with these slots."""

    @abstractmethod
    def step(self, times: int) -> None:
        """Choose `times` more tokens for every chosen slot that has not ended."""

    def look(self) -> Callable[[], list[int]]:
        """Note which slots go on (1) now; the function returned tells it when called."""
        alive = self.board.state[ALIVE].tolist()
        return lambda: alive

    def answered(self) -> list[tuple[list[int], bool]]:
        """Return each case's tokens, and whether they end before an end token came."""
        answers = self.board.answers.tolist()
        counts, ended = self.board.counts.tolist(), self.board.ended.tolist()
        return [(answers[i][: counts[i]], not ended[i]) for i in range(self.cases)]

    def log_probabilities(self) -> list[float]:
        """Return the log-probability of each case's tokens, with the end token where one came."""
        return self.board.sums.tolist()[: self.cases]

    def _put(self, numbers: Any) -> Any:
        import torch

        return torch.tensor(numbers, dtype=torch.int64, device=self.device)

    def _begin(self, one: Admitted) -> tuple[int, int]:
        """Return a prompt's place in the cache, and how many of its tokens stand there already."""
        return one.slot, 0

    def _prefill(self, admitted: Sequence[Admitted]) -> None:
        begun = [self._begin(one) for one in admitted]
        part = self._part(
            [place for place, _ in begun],
            [skip for _, skip in begun],
            [len(one.ids) - skip for one, (_, skip) in zip(admitted, begun, strict=True)],
        )
        per_case = self._put(
            [
                [one.slot for one in admitted],
                [one.ids[-1] for one in admitted],
                [len(one.ids) - 1 for one in admitted],
                [1 for _ in admitted],
                [0 for _ in admitted],
                [one.budget for one in admitted],
                [one.case for one in admitted],
                part.places,
            ]
        )
        for one in admitted:
            self.bounds[one.slot] = len(one.ids)
        slots, places = per_case[0], per_case[7]
        self.board.state[:, slots] = per_case[1:7].to(self.board.state.dtype)
        longest = max(len(one.ids) for one in admitted)
        last = Rows(places, per_case[2], places, longest, self.dtype)
        tokens = chain.from_iterable(
            one.ids[skip:] for one, skip in zip(admitted, part.skips, strict=True)
        )
        self._choose(self._pass(tokens, part, last), slots)

    def _part(self, places: list[int], skips: list[int], lengths: list[int]) -> Part:
        begins = self._put([[0, *accumulate(lengths)]])[0]
        return Part(places, skips, lengths, begins.int())

    def _pass(self, tokens: Iterable[int], part: Part, last: Rows) -> Any:
        """Run packed prompts through the blocks; return the hidden states of their ends."""
        import numpy as np

        size, lengths = sum(part.lengths), part.lengths
        shifts = [
            skip - begin
            for skip, begin in zip(part.skips, accumulate(lengths, initial=0), strict=False)
        ]
        flat = self._put(
            np.stack(
                [
                    np.fromiter(tokens, np.int64, size),
                    np.repeat(part.places, lengths),
                    np.arange(size) + np.repeat(shifts, lengths),
                ]
            )
        )
        return self._blocks(flat[0], flat[1], flat[2], last, part)

    def _decode(self, slots: Any, index: Any, longest: int, places: Any = None) -> None:
        """One step; `longest` bounds the texts' lengths after it.

        `places` are the slots' in the cache where they are others than the slots themselves.
        """
        state = self.board.state
        places = slots if places is None else places
        tokens, positions = state[TOKEN, slots], state[LENGTH, slots]
        rows = Rows(places, positions, index, longest, self.dtype)
        self._choose(self._blocks(tokens, places, positions, rows, None), slots)

    def _blocks(
        self, tokens: Any, slots: Any, positions: Any, rows: Rows, part: Part | None
    ) -> Any:
        """Return the normed hidden states of `rows`.

        A step's rows are all its tokens. A pass over packed prompts goes on, once its last block
        has stored keys and values, with the prompts' last tokens alone.
        """
        from torch.nn.functional import embedding

        weights, operations = self.weights, self.operations
        shape = weights.shape
        turn = operations.turns(weights.cos, weights.sin, positions)
        hidden, residual = embedding(tokens, weights.embedding), None
        for number, layer in enumerate(weights.layers):
            keys, values = self.keys[number], self.values[number]
            normed, residual = operations.add_norm(hidden, residual, layer.before)
            qkv = layer.qkv(normed).unflatten(1, (-1, shape.dim))
            operations.rotate(qkv, slots, positions, keys, values, turn)
            if part is not None and number + 1 < shape.layers:
                attended = self._attend_packed(qkv, keys, values, part)
            else:
                if part is not None:
                    ends = part.begins[1:] - 1
                    qkv, residual = qkv[ends], residual[ends]
                attended = operations.attend(qkv, rows, keys, values)
            hidden = layer.out(attended)
            normed, residual = operations.add_norm(hidden, residual, layer.between)
            hidden = layer.down(operations.swiglu(layer.gate_up(normed)))
        return operations.add_norm(hidden, residual, weights.norm)[0]

    def _attend_packed(self, qkv: Any, keys: Any, values: Any, part: Part) -> Any:
        """Return (tokens, heads * dim): each token's attention over its own text."""
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
            cu_seq_lens_q=part.begins,
            max_length_q=max(part.lengths),
        )
        return out.reshape(len(qkv), shape.heads * shape.dim)

    def _choose(self, hidden: Any, slots: Any) -> None:
        self.operations.advance(self.weights.head(hidden), slots, self.board)
