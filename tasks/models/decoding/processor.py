"""The engine on a CPU: plain steps over the texts that go on, and starts that are read once.

A step reads the cache where it lies, so the texts that go on are kept side by side: where one in
the middle ends, the last one takes its place. Keys and values of what prompts have in common at
their start are computed once and copied into each slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tasks.models.decoding.engine import Engine
from tasks.models.decoding.operations import Rows
from tasks.models.decoding.passes import Admitted, Part
from tasks.models.decoding.starts import LEAST, Start


@dataclass(frozen=True)
class _Alike:
    """Cases of a pass of about one length: their rows (cases, longest), the last one repeated."""

    rows: Any
    places: Any
    mask: Any  # (cases, 1, longest * queries of a group, text)


class ProcessorEngine(Engine):
    """Decodes in plain steps."""

    def __init__(self, *parts: Any, starts: Mapping[Start, Start], **sizes: Any) -> None:
        super().__init__(*parts, **sizes)
        self.starts = starts
        self.place = list(range(self.slots))  # of each slot, in the cache
        self._read: dict[Start, tuple[Any, Any]] = {}
        self._alike: tuple[Part | None, list[_Alike]] = (None, [])

    @property
    def name(self) -> str:
        """Say how the answers are computed."""
        layout = "" if self.weights.head.packed is None else ", weights laid out by oneDNN"
        return f"{super().name}{layout}"

    def choose_rows(self, slots: list[int]) -> None:
        """Let the next steps go on with these slots; they move together."""
        if slots == self.chosen:
            return
        self.chosen = slots
        count = len(slots)
        going = set(slots)
        outside = [slot for slot in slots if self.place[slot] >= count]
        leaving = [
            slot for slot, place in enumerate(self.place) if place < count and slot not in going
        ]
        for slot, other in zip(outside, leaving, strict=True):
            self._swap(slot, other)
        self.rows = self._put([sorted(slots, key=lambda slot: self.place[slot])])[0]

    def step(self, times: int) -> None:
        """Choose `times` more tokens for every chosen slot that has not ended."""
        count = len(self.chosen)
        places = self._put([range(count)])[0]
        for _ in range(times):
            for slot in self.chosen:
                self.bounds[slot] += 1
            longest = max(self.bounds[slot] for slot in self.chosen)
            self._decode(self.rows, slice(0, count), longest, places)

    def _swap(self, one: int, other: int) -> None:
        """Let two slots change their places in the cache, with what they hold there."""
        here, there = self.place[one], self.place[other]
        held = max(self.bounds[one], self.bounds[other])
        for cache in (self.keys, self.values):
            first, second = cache[:, here, :, :held], cache[:, there, :, :held]
            kept = first.clone()
            first.copy_(second)
            second.copy_(kept)
        self.place[one], self.place[other] = there, here

    def _begin(self, one: Admitted) -> tuple[int, int]:
        place, start = self.place[one.slot], self.starts.get(tuple(one.ids[:LEAST]), ())
        if start:
            keys, values = self._read_start(start)
            self.keys[:, place, :, : len(start)] = keys
            self.values[:, place, :, : len(start)] = values
        return place, len(start)

    def _read_start(self, start: Start) -> tuple[Any, Any]:
        """Return keys and values (layers, groups, tokens, dim) of a start."""
        if start not in self._read:
            size, padding = len(start), self.slots
            place, end = self._put([[padding], [size - 1]])
            last = Rows(place, end, place, size, self.dtype)
            self._pass(start, self._part([padding], [0], [size]), last)
            kept = (cache[:, padding, :, :size].clone() for cache in (self.keys, self.values))
            keys, values = kept
            self._read[start] = keys, values
        return self._read[start]

    def _attend_packed(self, qkv: Any, keys: Any, values: Any, part: Part) -> Any:
        """Attend over what the slots hold, where a start stands there that is not in the pass."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        if not any(part.skips):
            return super()._attend_packed(qkv, keys, values, part)
        if self._alike[0] is not part:  # the same in each layer of a pass
            self._alike = part, list(self._in_slots(part))
        shape = self.weights.shape
        out = torch.empty(len(qkv), shape.heads * shape.dim, dtype=qkv.dtype)
        for alike in self._alike[1]:
            text = alike.mask.shape[-1]
            queries = qkv[alike.rows, : shape.heads].unflatten(2, (shape.groups, -1))
            found = scaled_dot_product_attention(
                queries.transpose(1, 2).flatten(2, 3),
                keys[alike.places, :, :text],
                values[alike.places, :, :text],
                attn_mask=alike.mask,
                scale=shape.scale,
            )
            found = found.unflatten(2, (alike.rows.shape[1], -1)).transpose(1, 2)
            out[alike.rows.flatten()] = found.reshape(-1, out.shape[1])
        return out

    def _in_slots(self, part: Part) -> Iterator[_Alike]:
        import torch

        shape = self.weights.shape
        begins = list(accumulate(part.lengths, initial=0))
        for cases in _alike_in_length(part.lengths):
            longest = max(part.lengths[case] for case in cases)
            text = max(part.skips[case] + part.lengths[case] for case in cases)
            lasts = self._put([[part.lengths[case] - 1] for case in cases])
            within = torch.minimum(torch.arange(longest), lasts)
            rows = within + self._put([[begins[case]] for case in cases])
            positions = within + self._put([[part.skips[case]] for case in cases])
            hidden = torch.arange(text) > positions[:, :, None]
            mask = torch.zeros(hidden.shape, dtype=self.dtype).masked_fill_(hidden, float("-inf"))
            mask = mask.repeat_interleave(shape.heads // shape.groups, dim=1)[:, None]
            places = self._put([[part.places[case] for case in cases]])[0]
            yield _Alike(rows, places, mask)


def _alike_in_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the cases in groups in which none is more than about twice as long as another."""
    group: list[int] = []
    for case in sorted(range(len(lengths)), key=lambda case: lengths[case]):
        if group and lengths[case] > 2 * lengths[group[0]] + 8:
            yield group
            group = []
        group.append(case)
    if group:
        yield group
