"""Reads the sources when Prometheus asks, each at most so often, and all at once.

A source that fails, or is not done in time, gives `paddock_source_up` 0 and no figure; the others
are told all the same. One that takes long goes on in its thread, and is told at a later scrape.
Needs the sources; writes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from logging import getLogger
from typing import NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from flows.measuring.figures import KINDS, Figure, figure

SCRAPE_SECONDS = 8.0  # for all sources; Prometheus itself waits 10 s
LOGGER = getLogger(__name__)


class Source(NamedTuple):
    """Where figures come from, and for how many seconds a reading is good."""

    name: str
    seconds: float
    read: Callable[[], Iterable[Figure]]


class Clock(Protocol):
    """A clock of seconds."""

    def __call__(self) -> float:
        """Return the seconds."""
        ...


class Reading:
    """The last reading of a source, and the one that goes on."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source, self._clock = source, clock
        self._thread: threading.Thread | None = None
        self._told: tuple[Figure, ...] | None = None
        self._at, self._took, self._errors = float("-inf"), 0.0, 0

    def begin(self) -> None:
        """Begin to read, unless the last reading is still good or one goes on."""
        going = self._thread is not None and self._thread.is_alive()
        if going or (self._told is not None and self._clock() - self._at < self.source.seconds):
            return
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def figures(self, until: float) -> Iterator[Figure]:
        """Yield what was read, once it is, or at this time of the clock what is known."""
        if self._thread is not None:
            self._thread.join(max(0.0, until - self._clock()))
            if self._thread.is_alive():
                self._errors += 1
                self._told = None  # an old figure must not pass for today's
        name = self.source.name
        yield figure("paddock_source_up", self._told is not None, source=name)
        yield figure("paddock_source_errors_total", self._errors, source=name)
        yield figure("paddock_source_read_seconds", self._took, source=name)
        yield from self._told or ()

    def _read(self) -> None:
        start = self._clock()
        try:
            told = tuple(self.source.read())
        except Exception as error:  # its text may quote what is secret
            LOGGER.warning("WARNING %s cannot be read (%s)", self.source.name, type(error).__name__)
            self._errors += 1
            told = None
        self._at = self._clock()
        self._told, self._took = told, self._at - start


class Collector:
    """What prometheus_client asks at each scrape; two at once share a reading."""

    def __init__(self, sources: Sequence[Source], clock: Clock = time.monotonic) -> None:
        self._readings = [Reading(source, clock) for source in sources]
        self._clock, self._lock = clock, threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that has a figure."""
        with self._lock:
            until = self._clock() + SCRAPE_SECONDS
            for reading in self._readings:
                reading.begin()
            found = [one for reading in self._readings for one in reading.figures(until)]
        yield from families(found)


def families(found: Iterable[Figure]) -> Iterator[Metric]:
    """Yield figures as Prometheus' client writes them, by metric."""
    by_name: dict[str, list[Figure]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    for name, kind in KINDS.items():
        if name not in by_name:
            continue
        family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        made = family(name, kind.about, labels=kind.labels)
        for one in by_name[name]:
            made.add_metric(one.labels, one.value)
        yield made
