"""The engine on a GPU: a step is a graph that was captured once for its number of rows.

A step launches some 170 kernels of a few microseconds each, so launching them one by one costs
more than they do. Graphs are captured for 1, 2, 4, ... rows when they are first needed; rows
between are padded with a slot that belongs to no case. The host runs ahead of the GPU: it learns
who has ended one burst of steps late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.models.decoding.engine import Engine
from tasks.models.decoding.operations import ALIVE


class CapturedEngine(Engine):
    """Decodes by replaying graphs."""

    burst = 4
    lag = 1
    pass_tokens = 16_384

    def __init__(self, *parts: Any, **sizes: Any) -> None:
        import torch

        super().__init__(*parts, **sizes)
        self.graphs: dict[int, Any] = {}
        self.side = torch.cuda.Stream(self.device)
        self.pool = torch.cuda.graph_pool_handle()
        self.padding = torch.full((self.slots,), self.slots, device=self.device)
        self.rows = self.padding.clone()

    @property
    def name(self) -> str:
        """Say how the answers are computed."""
        return f"captured steps, {self.operations.name}"

    def choose_rows(self, slots: list[int]) -> None:
        """Let the next steps go on with these slots; rows beyond them are of padding."""
        if slots != self.chosen:
            self.chosen = slots
            padding = [self.slots] * (self.slots - len(slots))
            self.rows.copy_(self._put([[*slots, *padding]])[0])

    def step(self, times: int) -> None:
        """Replay the graph of as many rows as there are, or the next larger."""
        graph = self._graph(min(self.slots, 1 << (len(self.chosen) - 1).bit_length()))
        for _ in range(times):
            graph.replay()

    def look(self) -> Callable[[], list[int]]:
        """Copy who goes on to the host, without waiting; the function returned waits for it."""
        import torch

        alive = torch.empty(self.slots + 1, dtype=torch.int32, pin_memory=True)
        alive.copy_(self.board.state[ALIVE], non_blocking=True)
        copied = torch.cuda.Event()
        copied.record()

        def tell() -> list[int]:
            copied.synchronize()
            return alive.tolist()

        return tell

    def _put(self, numbers: Any) -> Any:
        """Send numbers from pinned memory, so that the host need not wait for the copy."""
        import torch

        return torch.tensor(numbers).pin_memory().to(self.device, non_blocking=True)

    def _graph(self, rows: int) -> Any:
        if rows not in self.graphs:
            self.graphs[rows] = self._capture(rows)
        return self.graphs[rows]

    def _capture(self, rows: int) -> Any:
        """Capture a step. It is first run on padding alone: kernels compile, nothing is written.

        Not through `torch.cuda.graph`, which collects garbage and gives cached memory back.
        """
        import torch

        graph = torch.cuda.CUDAGraph()
        self.side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.side):
            padding, slots = self.padding[:rows], self.rows[:rows]
            self._decode(padding, padding, self.longest)
            torch.cuda.synchronize()
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            try:
                self._decode(slots, slots, self.longest)
            finally:
                graph.capture_end()
        torch.cuda.current_stream().wait_stream(self.side)
        return graph
