"""`paddock down`: ends the `paddock up` of this home, wherever it was started.

Asks it as a polite kill does and waits until it has let go of the home. Data and settings stay.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from data_contracts.errors import PaddockError
from flows.workshop.settings import Settings

SECONDS = 90  # a run that is under way is told, too, and may write a last checkpoint


def end(settings: Settings) -> str:
    """End it and return what was ended; PaddockError if it does not end."""
    place = settings.home / "up.lock"
    holder = _holder(place)
    if holder is None:
        return f"nothing to end: no `paddock up` runs over {settings.home}"
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(holder, signal.SIGTERM)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if _holder(place) is None:
            return f"process {holder} and all that it had started have ended"
        time.sleep(0.2)
    raise PaddockError(
        f"it has not ended in {SECONDS} s",
        step="down",
        where=f"process {holder}",
        remedy=f"look at what it says ({settings.home / 'logs'}), or kill -9 {holder}: its parts "
        "end with it",
    )


def _holder(place: Path) -> int | None:
    """Return the process of the `up` that holds a home, or None where none does."""
    try:
        file = place.open("r+")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(file.read())
        return None


def _named(text: str) -> int:
    try:
        return int(json.loads(text)["pid"])
    except (ValueError, KeyError) as error:  # it is about to write it
        raise PaddockError(
            "the home is being taken by a `paddock up` that has not said which process it is",
            step="down",
            where="up.lock",
            remedy="wait a moment and try again",
        ) from error
