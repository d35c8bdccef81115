"""What is left of each objective's budget, how fast it burns, and whether that holds releases.

Works on counts a minute (`Minutes`), whoever made them: the inference log's rows, a gateway's
ticks, a judge's answers. A budget is `allowed` times the requests of its days.
The same pairs of windows as in Prometheus's rules say when it burns. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import accumulate

from pydantic import AwareDatetime

from data_contracts.records import Frozen
from tasks.slo.burning import FEW_BAD, Pair, pairs_of
from tasks.slo.counting import Counted
from tasks.slo.objectives import OF_SAMPLES, STALE_HOURS, Objective, Promises

_SECONDS = 60


class Minutes:
    """Requests and bad ones by minute; minutes may come in any order."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}
        self._order: list[int] = []
        self._sums: list[Counted] | None = None

    def add(self, at: datetime, requests: int = 1, bad: int = 0) -> None:
        """Count requests of a moment."""
        counts = self._counts.setdefault(int(at.timestamp()) // _SECONDS, [0, 0])
        counts[0] += requests
        counts[1] += bad
        self._sums = None

    def between(self, since: int, until: int) -> Counted:
        """Return the counts of minutes (since 1970) from `since`, without `until`."""
        sums = self._summed()
        first, last = bisect_left(self._order, since), bisect_left(self._order, until)
        return Counted(sums[last].requests - sums[first].requests, sums[last].bad - sums[first].bad)

    def last_bad(self, until: int) -> int | None:
        """Return the newest minute before `until` that had a bad request."""
        self._summed()
        for place in range(bisect_right(self._order, until - 1) - 1, -1, -1):
            if self._counts[self._order[place]][1]:
                return self._order[place]
        return None

    def minutes(self, since: int, until: int) -> list[int]:
        """Return the minutes that have requests."""
        self._summed()
        return self._order[bisect_left(self._order, since) : bisect_left(self._order, until)]

    def _summed(self) -> list[Counted]:
        if self._sums is None:
            self._order = sorted(self._counts)
            requests = accumulate((self._counts[one][0] for one in self._order), initial=0)
            bad = accumulate((self._counts[one][1] for one in self._order), initial=0)
            self._sums = [Counted(*both) for both in zip(requests, bad, strict=True)]
        return self._sums


class Budget(Frozen):
    """An objective as it stands.

    `left` is the share of the budget that is left (below 0: overspent); None without enough
    requests to tell. `burn` is how many times as fast as allowed the last hour spent it. `until`
    is when what is wrong ends at the earliest, if nothing bad comes. `missing` says that nobody
    looked of late, of what is looked at once a day: that is never good.
    """

    objective: str
    requests: int
    bad: int
    allowed: float
    left: float | None
    burn: float | None
    burning: str = ""
    severity: str = ""
    until: AwareDatetime | None = None
    pauses: bool = False
    missing: str = ""

    @property
    def spent(self) -> bool:
        """Tell whether nothing is left."""
        return self.left is not None and self.left <= 0

    @property
    def why(self) -> str:
        """Return what is wrong with it, in words; empty if nothing is."""
        if not (self.burning or self.spent):
            return f"{self.objective}: {self.missing}" if self.missing else ""
        said = self.burning or f"its budget is spent: {self.bad:,} of {self.requests:,} are bad"
        left = "" if self.left is None else f", {max(self.left, 0):.0%} of the budget is left"
        end = f", until {self.until:%Y-%m-%d %H:%M} UTC at least" if self.until else ""
        return f"{self.objective}: {said}{left}{end}"


class Pause(Frozen):
    """Whether releases are held, and why; `reasons` is empty while they are not."""

    reasons: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Tell whether a promotion and a canary are to wait."""
        return bool(self.reasons)

    @property
    def words(self) -> str:
        """Return why, as one sentence's part."""
        return "; ".join(self.reasons)


def budget_of(name: str, objective: Objective, days: int, counts: Minutes, now: datetime) -> Budget:
    """Return how an objective stands. Its days are the last ones up to `now`."""
    minute = int(now.timestamp()) // _SECONDS + 1
    since = minute - days * 1440
    whole, hour = counts.between(since, minute), counts.between(minute - 60, minute)
    enough = whole.requests * objective.allowed >= FEW_BAD or whole.bad >= FEW_BAD
    enough = enough and whole.requests >= objective.needed
    left = 1 - whole.bad / (whole.requests * objective.allowed) if whole.requests else None
    firing = _firing(objective, days, counts, minute)
    left = left if enough else None
    until = None
    if firing is not None:
        until = _at((counts.last_bad(minute) or minute) + firing.short)
    elif left is not None and left <= 0:
        until = _affordable(objective, days, counts, minute)
    return Budget(
        objective=name,
        requests=int(whole.requests),
        bad=int(whole.bad),
        allowed=objective.allowed,
        left=left,
        burn=hour.bad / hour.requests / objective.allowed if hour.requests else None,
        burning="" if firing is None else _words(firing, counts, minute),
        severity="" if firing is None else firing.severity,
        until=until,
        pauses=objective.pauses,
        missing=_missing(objective, counts, minute),
    )


def _missing(objective: Objective, counts: Minutes, minute: int) -> str:
    """Return that nobody looked of late, where somebody looks each day; empty if it was."""
    since = minute - int(STALE_HOURS * 60)
    if objective.of not in OF_SAMPLES or counts.minutes(since, minute):
        return ""
    return f"nobody looked in the last {STALE_HOURS:g} hours, so nothing is known of it"


def budgets_of(
    promises: Promises, counts: Mapping[str, Minutes], now: datetime
) -> tuple[Budget, ...]:
    """Return how each objective stands."""
    return tuple(
        budget_of(name, one, promises.days, counts.get(name) or Minutes(), now)
        for name, one in promises.objectives.items()
    )


def pause_of(budgets: tuple[Budget, ...]) -> Pause:
    """Return whether releases are held: by objectives that pause, and burn or are spent."""
    return Pause(reasons=tuple(one.why for one in budgets if one.pauses and one.why))


def unknown(promises: Promises, why: str) -> Pause:
    """Return the pause where figures cannot be read: held only if an objective asks for it."""
    names = ", ".join(promises.pausing)
    return Pause(
        reasons=(f"{names}: nobody knows whether its budget burns ({why})",) if names else ()
    )


def _firing(objective: Objective, days: int, counts: Minutes, minute: int) -> Pair | None:
    def burns(pair: Pair) -> bool:
        long = counts.between(minute - pair.long, minute)
        short = counts.between(minute - pair.short, minute)
        enough = long.requests >= pair.least_rate * pair.long
        return enough and all(
            one.requests and one.bad / one.requests > pair.threshold for one in (long, short)
        )

    return next((pair for pair in pairs_of(objective, days) if burns(pair)), None)


def _words(pair: Pair, counts: Minutes, minute: int) -> str:
    found = counts.between(minute - pair.long, minute)
    return (
        f"{found.bad:,.0f} of {found.requests:,.0f} requests of the last {pair.long // 60} h are "
        f"bad, {pair.factor:.3g} times what may be and more"
    )


def _affordable(objective: Objective, days: int, counts: Minutes, minute: int) -> datetime | None:
    """Return when enough of the bad requests are older than the budget's days.

    Each minute that has left takes its requests along; at most all of them leave.
    """
    whole = counts.between(minute - days * 1440, minute)
    per_minute = whole.requests / (days * 1440)  # good ones that come meanwhile, as now

    def left(gone: int) -> float:
        rest = counts.between(gone, minute)
        come = per_minute * (gone - (minute - days * 1440))
        return (rest.requests + come) * objective.allowed - rest.bad

    return _first(left, counts.minutes(minute - days * 1440, minute), days)


def _first(left: Callable[[int], float], minutes: list[int], days: int) -> datetime | None:
    for one in minutes:
        if left(one + 1) > 0:
            return _at(one + 1 + days * 1440)
    return None


def _at(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * _SECONDS, UTC)
