"""Writes the inference log of a serving: `python -m flows.serving.log_writer NAME`.

Runs beside the gateway. Loads the redactor first: until it is there captures wait. Writes redacted
hours into the serving's folder and into the store, `log.json` with what became of requests, and
`arms.json` with what a canary is judged by. While an experiment runs, its counts by
groups of users.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import httpx

from data_contracts.errors import PaddockError
from flows.servers.guarded import told_to_stop
from flows.serving.experiment_counts import Counting
from flows.serving.judging_answers import judge_of
from flows.serving.places import Places, put
from flows.serving.token_door import Settlements
from flows.workshop.parts import Workshop
from flows.workshop.quiet import quiet_libraries
from flows.workshop.settings import read_settings
from tasks.serving.gateway.admin import ask
from tasks.serving.specification import Specification
from tasks.serving.spool import Spool

PAUSE_SECONDS = 0.5
STORE_SECONDS = 15.0
_SHARE = 20  # of the time, at most one part goes into writing hours into the store
LOGGER = logging.getLogger("paddock.serving.log")


def main() -> int:
    """Write until told to stop; what is there by then is written first."""
    stop = told_to_stop()
    os.umask(0o077)
    quiet_libraries()
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
    settings = read_settings()
    places = Places(settings.home, sys.argv[1])
    specification = Specification.model_validate_json(places.specification.read_bytes())
    workshop = Workshop(settings, "serving")
    judge = judge_of(specification)
    experiment = Counting(places)
    spool = Spool(
        specification, places.taps, places.access, places.folder / "log", judge, experiment.tell
    )
    spool.arms |= _counted_before(places)
    redactor = workshop.redactor(names=specification.log.names, keep=())()
    part = (
        f"serve-{hashlib.sha256(f'{socket.gethostname()}{places.folder}'.encode()).hexdigest()[:8]}"
    )
    door = Settlements(places.token_door) if specification.token_caps else None
    due = 0.0
    while True:
        last = stop.is_set()  # before it is looked, so that nothing comes behind the last look
        experiment.look()
        worked = spool.work(redactor, _weights(places))
        if worked:
            put(places.arms, spool.arms)
            experiment.write()
        if door and (why := door.tell(spool.taken())):
            LOGGER.warning("what requests took is told later: %s", why)
        if spool.access_is_large:
            _begin_anew(spool, places)
        if last or time.monotonic() >= due:
            began = time.monotonic()
            _store(spool, workshop, part)
            put(places.folder / "log.json", dict(sorted(spool.counts.items())))
            due = time.monotonic() + max(STORE_SECONDS, _SHARE * (time.monotonic() - began))
        if last and not worked:
            return 0
        if not worked:
            stop.wait(PAUSE_SECONDS)


def _weights(places: Places) -> dict[str, str]:
    """Return the digests of what serves and served, by the names that answers say."""
    try:
        return json.loads(places.state.read_text("utf-8"))["weights"]
    except (OSError, ValueError, KeyError):
        return {}


def _counted_before(places: Places) -> dict[str, Counter[str]]:
    """Return what was counted of each arm: totals that only grow, whoever counts."""
    try:
        found = json.loads(places.arms.read_text("utf-8"))
        return {arm: Counter(counts) for arm, counts in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _store(spool: Spool, workshop: Workshop, part: str) -> None:
    try:
        spool.put_away(workshop.store, part, datetime.now(UTC))
    except PaddockError as error:
        LOGGER.warning("the log's hours wait here: %s", error)
    except Exception as error:  # the store's; it is tried again
        LOGGER.warning("the log's hours wait here: %s", type(error).__name__)


def _begin_anew(spool: Spool, places: Places) -> None:
    spool.begin_access_anew()
    try:
        ask(places.socket, "/reopen_logs", "POST")
    except httpx.HTTPError as error:
        LOGGER.warning("the gateway was not told: %s", type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
