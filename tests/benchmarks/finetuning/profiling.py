"""Where the time of some steps goes on a GPU: kernels by name, what waits, what is sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

SHOWN = 16
GAP = 20_000  # ns


class Profile:
    """Records what a GPU does between `start` and `stop`."""

    def __init__(self) -> None:
        from torch.profiler import ProfilerActivity, profile

        self._profile = profile(activities=[ProfilerActivity.CUDA])

    def start(self) -> None:
        """Begin to record."""
        self._profile.start()

    def stop(self, steps: int) -> list[str]:
        """Return lines on what was done, in ms a step."""
        self._profile.stop()
        kineto: Any = self._profile.profiler
        events = [
            e for e in kineto.kineto_results.events() if str(e.device_type()).endswith("CUDA")
        ]
        return _lines(events, steps)


def _lines(events: list[Any], steps: int) -> list[str]:
    streams: defaultdict[int, list[Any]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.start_ns()):
        streams[event.device_resource_id()].append(event)
    busy = {stream: sum(e.duration_ns() for e in own) for stream, own in streams.items()}
    main = max(busy, key=lambda stream: 0 if "nccl" in streams[stream][0].name() else busy[stream])
    own = streams[main]
    span = own[-1].start_ns() + own[-1].duration_ns() - own[0].start_ns()
    unit = 1e6 * steps
    lines = [f"{span / unit:.1f} ms a step, the main stream busy for {busy[main] / unit:.1f}"]
    for stream, taken in busy.items():
        names = Counter[str]()
        for event in streams[stream]:
            names[event.name()[:90]] += event.duration_ns()
        lines.append(f" stream {stream}: {taken / unit:.2f} ms")
        shown = SHOWN if stream == main else 4
        lines += [f"  {t / unit:8.3f}  {name}" for name, t in names.most_common(shown)]
    gaps = [
        (after.start_ns() - one.start_ns() - one.duration_ns(), one.name(), after.name())
        for one, after in pairwise(own)
    ]
    total = sum(gap for gap, *_ in gaps if gap > GAP)
    lines.append(f" gaps of the main stream above 20 us: {total / unit:.2f} ms; the longest:")
    lines += [f"  {g / 1e6:8.3f}  {a[:50]} -> {b[:50]}" for g, a, b in sorted(gaps)[:-9:-1]]
    return lines
