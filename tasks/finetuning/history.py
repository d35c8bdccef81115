"""What a run's processes told of their steps, across all of its lives.

Kept as JSON lines in the folder that the run trains in, beside its checkpoints and as long as they
are, so that a run that goes on shows the whole curve and counts the time of lives that were lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.finetuning.objectives.registry import OBJECTIVES

FILE = ".history.jsonl"
FIGURES = (
    "loss",
    *(figure for one in OBJECTIVES.values() for figure in one.figures),
    "gradient_norm",
    "learning_rate",
    "tokens_per_second",
    "memory_gib",
    "limit_share",
    "cost",
)


@dataclass(frozen=True, slots=True)
class Point:
    """A step that was told of at a time (seconds since the epoch)."""

    at: float
    step: int
    figures: Mapping[str, float]


@dataclass(slots=True)
class History:
    """The points heard so far. `begin` a life before its process starts; then tell it of events."""

    folder: Path
    clock: Callable[[], float] = time.time
    heard: list[Point] = field(default_factory=list[Point])
    _curve: dict[int, float] = field(default_factory=dict[int, float])
    _earlier: float = 0.0
    _began: float | None = None
    _last: float = 0.0

    def __post_init__(self) -> None:
        if (path := self.folder / FILE).is_file():
            for line in path.read_text().splitlines():
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError):
                    continue  # a line that a killed process left half-written

    def begin(self) -> None:
        """Note that a process is started; a line that was cut short before it stays its own."""
        with (self.folder / FILE).open("a") as file:
            file.write("\n")
        self._note({"event": "life", "at": self.clock()})

    def tell(self, event: Mapping[str, Any]) -> Point | None:
        """Note an event of the process; return the point, if it is a step's."""
        note = {"event": event["event"], "at": self.clock()}
        note |= {name: event[name] for name in ("step", *FIGURES) if name in event}
        self._note(note)
        return self.heard[-1] if event["event"] == "step" else None

    @property
    def curve(self) -> list[tuple[int, float]]:
        """Return (step, loss) of the steps that count: those before the newest start, and since."""
        return sorted(self._curve.items())

    @property
    def seconds(self) -> float:
        """Return how long all of the run's processes lived, up to the last word of each."""
        if self._began is None:
            return 0.0
        return self._earlier + max(0.0, self._last - self._began)  # a clock may be set back

    def _note(self, note: dict[str, Any]) -> None:
        with (self.folder / FILE).open("a") as file:
            file.write(json.dumps(note) + "\n")
        self._take(note)

    def _take(self, note: Mapping[str, Any]) -> None:
        if note["event"] == "life":
            self._earlier, self._began = self.seconds, note["at"]
        elif note["event"] == "start":
            # Steps behind the checkpoint that a life began from are done again.
            self._curve = {s: loss for s, loss in self._curve.items() if s <= note["step"]}
        elif note["event"] == "step":
            figures = {name: note[name] for name in FIGURES if name in note}
            self.heard.append(Point(note["at"], note["step"], figures))
            self._curve[note["step"]] = note["loss"]
        self._last = max(self._last, note["at"])
