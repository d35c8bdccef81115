"""Batches made ahead on a thread, in pinned memory where a GPU is to fetch them meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

AHEAD = 2  # steps
Batch = dict[str, Any]


def made_ahead(make: Callable[[int], list[Batch]], steps: Sequence[int]) -> Iterator[list[Batch]]:
    """Yield `make(step)` for each step, made on another thread; an error there is raised here."""
    remaining = iter(steps)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming: deque[Future[list[Batch]]] = deque(
            thread.submit(make, step) for step in islice(remaining, AHEAD)
        )
        try:
            while coming:
                batches = coming.popleft().result()
                coming.extend(thread.submit(make, step) for step in islice(remaining, 1))
                yield batches
        finally:
            thread.shutdown(wait=True, cancel_futures=True)


def pin(batch: Batch) -> Batch:
    """Return a batch whose tensors lie in pinned memory."""
    return {name: _pinned(value) for name, value in batch.items()}


def to_device(batch: Batch, device: Any) -> Batch:
    """Return a batch on a device, without waiting for the copy where its memory is pinned."""
    import torch

    return {
        name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }


def _pinned(value: Any) -> Any:
    import torch

    return value.pin_memory() if isinstance(value, torch.Tensor) else value
