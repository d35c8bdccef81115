"""Whether an error budget holds a canary: looked at beside its ticks, which it must not delay."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from flows.serving.promised import pause_of_releases, standing
from flows.workshop.parts import Workshop
from tasks.serving.specification import Specification
from tasks.slo.budget import Pause
from tasks.slo.objectives import promises_of

SECONDS = 60.0  # between two looks; one reads the log of the budget's days
UNKNOWN = "how the error budgets stand is not known yet"


class Budgets:
    """What the newest look said: why releases are held, in words; empty if they are not."""

    def __init__(self, workshop: Workshop, name: str, cluster: Specification | None = None) -> None:
        """Hold until the first look has ended.

        On a `cluster` no serving of this home says what was promised: its file does.
        """
        self._cluster = cluster
        self.said = UNKNOWN
        self._workshop, self._name = workshop, name
        self._due = 0.0

    def hold(self) -> str:
        """Return why a canary must not go on for now; a look that failed holds, and is tried again.

        Never waits.
        """
        if time.monotonic() >= self._due:
            self._due = float("inf")  # one look at a time
            threading.Thread(target=self._look, daemon=True).start()
        return self.said

    def _look(self) -> None:
        try:
            self.said = self._pause(datetime.now(UTC)).words
        except Exception as error:  # a library's; its words may hold an address
            self.said = f"the error budgets could not be read: {type(error).__name__}"
        self._due = time.monotonic() + SECONDS

    def _pause(self, now: datetime) -> Pause:
        if self._cluster is None:
            return pause_of_releases(self._workshop, self._name, now)
        promises = promises_of(self._cluster.slo, self._name)
        if not promises.pausing:
            return Pause()
        return standing(self._workshop, self._name, promises, now)[1]
