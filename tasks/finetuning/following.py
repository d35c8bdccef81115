"""Turns what the training process says into what people look at.

A line with the time left, MLflow's figures step by step, and the loss curve about once a minute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from model_registry.run_log import RunLog
from tasks.finetuning.curve import draw_losses
from tasks.finetuning.history import History
from tasks.finetuning.recipe import money

LOGGER = logging.getLogger("paddock")
FIRST_PICTURE, PICTURE_SECONDS = 5.0, 60.0  # seconds after the start, and between two


class Progress(Protocol):
    """Hears how far a stage is: so many of so many, a note, and the seconds left if known."""

    def __call__(
        self, done: int, total: int | None, note: str, *, seconds_left: float | None = None
    ) -> None:
        """Hear it; cheap enough for every step."""
        ...


Show = Callable[[bytes, str], None]  # a PNG of the loss curve, and a line about it


class Following:
    """Hears a process's events. What earlier lives were heard of goes to MLflow again, once."""

    def __init__(
        self,
        history: History,
        log: RunLog,
        progress: Progress,
        show: Show,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history, self._log, self._progress = history, log, progress
        self._show, self._clock = show, clock
        self._picture_due = 0.0
        self._axis = ""
        for point in history.heard:
            log.put(point.figures, point.step, point.at)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Hear one event."""
        point = self._history.tell(event)
        if event["event"] == "meeting":
            others = f"waits for {event['nodes'] - 1} more nodes, each of which must run"
            self._progress(0, None, f"{others} NODE_RANK=1 (or 2, ...) sh {event['command']}")
        if event["event"] == "preparing":
            self._progress(event["done"], event["total"], event["what"])
        if event["event"] == "rows":
            LOGGER.info("  %s", event["words"])
        if event["event"] == "start":
            self._picture_due = self._clock() + FIRST_PICTURE
            self._axis = event["axis"]
            self._progress(event["step"], event["steps"], start_note(event))
        if point is None:
            return
        self._log.put(point.figures, point.step, point.at)
        note = step_note(event)
        self._progress(event["step"], event["steps"], note, seconds_left=event["seconds_left"])
        if self._clock() >= self._picture_due:
            self._picture_due = self._clock() + PICTURE_SECONDS
            picture = draw_losses(self._history.curve, steps=event["steps"], axis=self._axis)
            self._show(picture, f"Training, step {event['step']} of {event['steps']}: {note}")


def start_note(event: Mapping[str, Any]) -> str:
    """Say how a run begins, in a few words."""
    begins = "resumed from a checkpoint" if event["step"] else "begins"
    layers = event["gradient_checkpointing"]
    way = f", with gradient checkpointing of {layers} layers" if layers else ""
    return f"{begins}; a step needs about {event['estimate_gib']['total']:.1f} GiB{way}"


def step_note(event: Mapping[str, Any]) -> str:
    """Say how a step went, in a few words."""
    parts = [f"loss {event['loss']:.3f}", *event.get("words", ())]
    parts.append(f"{event['tokens_per_second']:.0f} tokens/s")
    if "limit_share" in event:
        parts.append(f"{event['limit_share']:.0%} of the GPU's limit")
    parts.append(f"{event['memory_gib']:.1f} GiB of memory")
    if "cost" in event:
        parts.append(f"cost so far {money(event['cost'])}")
    return ", ".join(parts)
