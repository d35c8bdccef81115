"""Tells people how far the work is: lines in the log, and a progress artifact in Prefect.

The lines go to the logger `paddock`, which Prefect sends to its server and the `paddock` command
prints on the terminal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager

LOGGER = logging.getLogger("paddock")
LINE_SECONDS, ARTIFACT_SECONDS = 5.0, 5.0


class Stage:
    """One stage of a run: throttled lines with the time left, and a bar in the Prefect UI."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._started = self._line = self._artifact = time.monotonic()
        self._first: int | None = None
        self._artifact_id: object = None

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        """Report that `done` of `total` units are done; cheap enough to call for each."""
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now - self._line >= LINE_SECONDS:
            self._line = now
            LOGGER.info("  %s", self._sentence(done, total, note, now))
        if total and now - self._artifact >= ARTIFACT_SECONDS:
            self._artifact = now
            self._publish(100.0 * done / total)

    def close(self) -> None:
        """Fill the bar, if one was shown."""
        if self._artifact_id is not None:
            self._publish(100.0)

    def _sentence(self, done: int, total: int | None, note: str, now: float) -> str:
        parts = [f"{self.title}: {done}" + (f" of {total}" if total else "")]
        moved = done - (self._first or 0)
        if total and moved > 0:
            left = (now - self._started) / moved * (total - done)
            parts.append(f"{duration(left)} left")
        return ", ".join([*parts, note] if note else parts)

    def _publish(self, percent: float) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import FlowRunContext, TaskRunContext

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        if self._artifact_id is None:
            self._artifact_id = create_progress_artifact(progress=percent, description=self.title)
        else:
            update_progress_artifact(self._artifact_id, progress=percent)  # pyright: ignore[reportArgumentType]


@contextmanager
def stage(title: str) -> Generator[Stage]:
    """Announce a stage, and say how long it took when it ends well."""
    LOGGER.info("%s …", title)
    current = Stage(title)
    started = time.monotonic()
    try:
        yield current
    except Exception as error:
        error.add_note(title)  # the command line names the stage that failed
        raise
    current.close()
    LOGGER.info("  %s: done in %s", title, duration(time.monotonic() - started))


def duration(seconds: float) -> str:
    """Return a span as people say it: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
