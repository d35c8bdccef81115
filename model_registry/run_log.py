"""Sends a run's figures to MLflow from a thread, so that who makes them never waits for a server.

Figures keep their step and their time; a server that does not answer gets them when it does. Every
some seconds the machine's own figures go along, by the names that MLflow's page of system metrics
knows: `system/cpu_utilization_percentage` and so on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from model_registry.tracking import Registry, quoted

SEND_SECONDS, SAMPLE_SECONDS = 2.0, 10.0
SYSTEM = "system/"
Sample = Callable[[], Mapping[str, float]]
_LOGGER = logging.getLogger("paddock")


class RunLog:
    """A queue of figures and the thread that sends it; close it, and everything has arrived."""

    def __init__(
        self,
        registry: Registry,
        run: str,
        *,
        sample: Sample | None = None,
        send_seconds: float = SEND_SECONDS,
        sample_seconds: float = SAMPLE_SECONDS,
    ) -> None:
        self._registry, self._run, self._sample = registry, run, sample
        self._send_seconds, self._sample_seconds = send_seconds, sample_seconds
        # A run that goes on counts its samples on: MLflow's page sorts them by step.
        self._began = registry.run_started(run)
        self._waiting: list[tuple[float, int, Mapping[str, float]]] = []
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._told = self._begun = False
        self._thread = threading.Thread(target=self._work, name="run log", daemon=True)
        self._thread.start()

    def put(self, figures: Mapping[str, float], step: int, at: float | None = None) -> None:
        """Take figures of a step, that became known now or at a time (seconds of the epoch)."""
        with self._lock:
            self._waiting.append((time.time() if at is None else at, step, figures))

    def close(self) -> None:
        """Send the rest and end the thread; raises what MLflow raises if it does not take it."""
        self._closing.set()
        self._thread.join()
        self._send(everything=True)

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            try:
                if self._sample is not None and time.monotonic() >= due:
                    due = time.monotonic() + self._sample_seconds
                    self._measure(self._sample)
                self._send()
            except Exception as error:  # trouble with MLflow must not end a training
                if not self._told:
                    self._told = True
                    _LOGGER.warning("  MLflow takes no figures (%s): kept", type(error).__name__)
            if self._closing.wait(self._send_seconds):
                return

    def _measure(self, sample: Sample) -> None:
        step = round((time.time() - self._began) / self._sample_seconds)
        self.put({f"{SYSTEM}{name}": value for name, value in sample().items()}, step)

    def _send(self, *, everything: bool = False) -> None:
        """Send what waits; the machine's figures only once there are figures of the work.

        MLflow's pages of compared runs open on the figure that a run had first.
        """
        with self._lock:
            points = self._waiting[:]
        own = [point for point in points if not _of_the_machine(point[2])]
        self._begun = self._begun or bool(own)
        if points and (self._begun or everything):
            machine = [point for point in points if _of_the_machine(point[2])]
            self._registry.log_points(self._run, own + machine)
            with self._lock:
                del self._waiting[: len(points)]


def newest_runs(registry: Registry, experiment: str, tag: str, most: int) -> list[str]:
    """Return the ids of the newest runs of an experiment (by id) that bear a tag, newest first."""
    found = registry.client.search_runs(
        [experiment],
        filter_string=f"tags.`{quoted(tag)}` LIKE '%'",
        order_by=["attributes.start_time DESC"],
        max_results=most,
    )
    return [str(run.info.run_id) for run in found]


def _of_the_machine(figures: Mapping[str, float]) -> bool:
    return all(name.startswith(SYSTEM) for name in figures)


def machine_sampler() -> Sample:
    """Return a function that reads processors, memory, disk, network and NVIDIA's GPUs.

    MLflow's own collectors, without the thread that it runs them in, which ends for good the first
    time a server does not answer. What a card cannot say of itself is left out.
    """
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    # It warns of each figure that a card lacks, at every sample.
    logging.getLogger(GPUMonitor.__module__).setLevel(logging.ERROR)
    collectors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(RuntimeError):  # there is no driver, so no GPU
        collectors.append(GPUMonitor())

    for collector in collectors:  # the first load of the processors is always 0
        collector.collect_metrics()
        collector.clear_metrics()

    def sample() -> dict[str, float]:
        found: dict[str, float] = {}
        for collector in collectors:
            collector.collect_metrics()
            found |= collector.aggregate_metrics()
            collector.clear_metrics()
        return found

    return sample
