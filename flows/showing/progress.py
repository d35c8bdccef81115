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

    def __call__(
        self, done: int, total: int | None, note: str = "", *, seconds_left: float | None = None
    ) -> None:
        """Report that `done` of `total` units are done; cheap enough to call for each.

        Who knows the time that is left gives it; else it follows from the time so far.
        """
        now = time.monotonic()
        if self._first is None:
            self._first = done
        sentence = self._sentence(done, total, note, self._left(done, total, now, seconds_left))
        if now - self._line >= LINE_SECONDS:
            self._line = now
            LOGGER.info("  %s", sentence)
        if total and now - self._artifact >= ARTIFACT_SECONDS:
            self._artifact = now
            self._publish(100.0 * done / total, sentence)

    def close(self) -> None:
        """Fill the bar, if one was shown."""
        if self._artifact_id is not None:
            self._publish(100.0, f"{self.title}: done")

    def _left(self, done: int, total: int | None, now: float, known: float | None) -> float | None:
        moved = done - (self._first or 0)
        if known is not None or not total or moved <= 0:
            return known
        return (now - self._started) / moved * (total - done)

    def _sentence(self, done: int, total: int | None, note: str, left: float | None) -> str:
        parts = [f"{self.title}: {done}" + (f" of {total}" if total else "")]
        if left is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join([*parts, note] if note else parts)

    def _publish(self, percent: float, sentence: str) -> None:
        """Move the bar; a server that does not answer must not end the work it is about."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import FlowRunContext, TaskRunContext

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        try:
            if self._artifact_id is None:
                self._artifact_id = create_progress_artifact(progress=percent, description=sentence)
            else:
                update_progress_artifact(
                    self._artifact_id,  # pyright: ignore[reportArgumentType]
                    progress=percent,
                    description=sentence,
                )
        except Exception as error:
            LOGGER.warning("  the progress bar stands still: %s", type(error).__name__)


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
