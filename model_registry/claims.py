"""Lets one process at a time act on a run: the next release, of several promoters that see it due.

MLflow has no lock and its aliases no compare-and-swap; a run's parameters however are written once
(`Registry.write_once`). So turns are numbered parameters of the run, each with one winner. Who has
the turn writes a beat into a tag every few seconds and, at the end, that it is done. Who waits
takes the next turn when that is said, or when the beat has stood still for `PATIENCE` seconds of
its own clock: then whoever had the turn is dead. Writes parameters and a tag of the run.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from data_contracts.errors import ContractError, PaddockError
from model_registry.tracking import Registry

BEAT, PATIENCE, LOOK = 5.0, 60.0, 1.0  # seconds
_TURN = "paddock.turn."  # of a parameter (who won it) and of a tag (the winner's beat)
_DONE = "done"
_LOGGER = logging.getLogger("paddock")


class Turn:
    """A turn that was won; `require` tells whether it still is."""

    def __init__(self, registry: Registry, run: str, number: int) -> None:
        self._registry, self._run, self._number = registry, run, number
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="turn", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Return if nobody took over since; PaddockError otherwise."""
        if _last_turn(_read(self._registry, self._run)) != self._number:
            raise PaddockError(
                "another promoter took over, for this one stood still",
                step="release",
                where=f"run {self._run}",
                remedy="see what `paddock show` says now; run again if it is not what should be",
            )

    def end(self) -> None:
        """Stop the beat, and let the next one in."""
        self._ended.set()
        self._thread.join()
        self._try(_DONE)

    def _beat(self) -> None:
        count = 0
        while True:
            self._try(str(count))
            count += 1
            if self._ended.wait(BEAT):
                return

    def _try(self, word: str) -> None:
        try:
            self._registry.tag_run(self._run, {_key(self._number): word})
        except Exception as error:  # a server that does not answer now may do so in time
            _LOGGER.debug("the beat was not taken: %s", type(error).__name__)


@contextmanager
def turn(registry: Registry, run: str) -> Generator[Turn]:
    """Wait until nobody else acts on a run (by id), and keep everybody else waiting meanwhile.

    ContractError if the run was deleted.
    """
    mine = Turn(registry, run, _win(registry, run))
    try:
        yield mine
    finally:
        mine.end()


def _win(registry: Registry, run: str) -> int:
    """Return the number of the turn that this process won, having waited for those before."""
    token = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
    seen, since, told = (0, ""), time.monotonic(), False
    while True:
        found = _read(registry, run)
        last = _last_turn(found)
        beat = found.data.tags.get(_key(last), "")
        if (last, beat) != seen:
            seen, since = (last, beat), time.monotonic()
        if last == 0 or beat == _DONE or time.monotonic() - since > PATIENCE:
            if registry.write_once(run, _key(last + 1), token):
                return last + 1
            continue
        if not told:
            told = True
            holder = found.data.params[_key(last)].rpartition(" ")[0]
            _LOGGER.info("  waiting for another promoter (host and process: %s)", holder)
        time.sleep(LOOK)


def _read(registry: Registry, run: str) -> Any:
    found = registry.client.get_run(run)
    if found.info.lifecycle_stage != "active":
        raise ContractError(
            f"the run {found.info.run_name!r} was deleted, and releases go on from it: restore it",
            step="release",
            where=f"run {run}",
            remedy=f"mlflow runs restore --run-id {run}, or restore it in MLflow's list of deleted "
            "runs",
        )
    return found


def _key(number: int) -> str:
    return f"{_TURN}{number:03d}"


def _last_turn(run: Any) -> int:
    taken = (key.removeprefix(_TURN) for key in run.data.params if key.startswith(_TURN))
    return max((int(number) for number in taken), default=0)
