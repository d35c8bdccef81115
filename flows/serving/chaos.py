"""Faults made on purpose in what serves here: who asks for them, and who ends them in any case.

`paddock chaos` writes what is wanted into the serving's folder; the keeper makes it so, and ends it
when its time is over, whether or not the command still lives. Both begin with none. A killed engine
or gateway is started again as at any other time. Writes the gateway's file of faults.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, Protocol

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from flows.serving.places import Places, put
from tasks.serving.gateway.faults import FAULTS, faults

LONGEST_SECONDS = 600.0
Hit = Literal["engine-killed", "engine-frozen", "gateway-killed"]


class Chaos(Frozen):
    """What is made to go wrong: percent of the requests, and a part that is hit once."""

    began: AwareDatetime
    seconds: float = Field(gt=0, le=LONGEST_SECONDS)
    abort: float = Field(default=0, ge=0, le=100)
    delayed: float = Field(default=0, ge=0, le=100)
    delay_ms: int = Field(default=0, ge=0)
    hit: Hit | None = None

    @property
    def words(self) -> str:
        """Return it in words."""
        late = f"{self.delayed:g} % made to wait {self.delay_ms / 1000:g} s"
        said = {
            f"{self.abort:g} % of the requests made to fail": self.abort,
            late: self.delayed and self.delay_ms,
            (self.hit or "").replace("-", " "): self.hit,
        }
        return ", ".join(words for words, is_so in said.items() if is_so)


class _Part(Protocol):
    name: str

    def signal(self, number: int) -> None: ...


def asked(places: Places) -> Chaos | None:
    """Return the faults that are wanted now; None if none are."""
    try:
        return Chaos.model_validate_json(places.chaos.read_bytes())
    except (OSError, ValidationError):
        return None


def require_calm(places: Places, name: str, step: str) -> None:
    """Raise InputError while faults are made: what is judged meanwhile is judged by them."""
    now = asked(places)
    if now is not None:
        raise InputError(
            f"chaos is under way: {now.words}",
            step=step,
            where=name,
            remedy=f"wait for its end, at {now.began + timedelta(seconds=now.seconds):%H:%M:%S} "
            "UTC, or end it with Ctrl-C where it runs",
        )


class ChaosWatch:
    """The keeper's side: makes what is asked for so, for so long and no longer."""

    def __init__(self, places: Places, say: Callable[[str], None]) -> None:
        """Begin with none: what a killed serving left is taken away."""
        self._places, self._say = places, say
        self._now: Chaos | None = None
        self._until = 0.0
        places.chaos.unlink(missing_ok=True)
        put(places.run / FAULTS, faults())

    def look(self, now: float, engines: Sequence[_Part], gateway: _Part) -> None:
        """Do what is due. `now` is of the monotonic clock: no change of the time prolongs it."""
        wanted = asked(self._places)
        if self._now and (wanted != self._now or now >= self._until):
            self._say(f"chaos is over: {self._now.words}")
            self.clear(keep=wanted not in (None, self._now))
        elif wanted and self._now is None:
            self._now, self._until = wanted, now + wanted.seconds
            put(self._places.run / FAULTS, _file(wanted))
            self._say(f"CHAOS, asked for, for {wanted.seconds:g} s: {wanted.words}")
            self._strike(wanted.hit, engines, gateway)

    def clear(self, *, keep: bool = False) -> None:
        """End it now; `keep` leaves what is wanted by then to the next look."""
        if not keep:
            self._places.chaos.unlink(missing_ok=True)
        put(self._places.run / FAULTS, faults())
        self._now = None

    def _strike(self, hit: Hit | None, engines: Sequence[_Part], gateway: _Part) -> None:
        if hit == "gateway-killed":
            gateway.signal(signal.SIGKILL)
        elif hit and engines:
            number = signal.SIGKILL if hit == "engine-killed" else signal.SIGSTOP
            engines[0].signal(number)


def _file(wanted: Chaos) -> dict[str, object]:
    return faults(wanted.abort, wanted.delayed, wanted.delay_ms)
