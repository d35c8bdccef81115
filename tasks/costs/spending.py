"""What a log's requests took and cost, by version and tenant, and by day.

A request costs its share of a slot's time: seconds / 3600 / slots x the price of a process's hour,
unless its row says its cost. Tokens are shown beside it: time is what is paid, tokens are what is
asked. Pure; a day's rows are held at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import NamedTuple

from data_contracts.inference_log import LogRow
from tasks.inference_log.figures import version_of

_SECONDS_AN_HOUR = 3600
MOST_GROUPS = 500
OTHERS = "others"


class Price(NamedTuple):
    """The price of a process's hour, in your currency (None: what rows say), and its slots."""

    hour: float | None
    slots: int

    def of(self, row: LogRow) -> float | None:
        """Return what a request cost; None where nobody says."""
        if self.hour is None:
            return row.cost
        if row.seconds is None:
            return None
        return row.seconds / _SECONDS_AN_HOUR / self.slots * self.hour


@dataclass
class Spent:
    """Requests, their tokens, hours of slots, and what they cost; `unpriced` have no known cost."""

    requests: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    slot_hours: float = 0.0
    cost: float = 0.0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Return the tokens of questions and answers."""
        return self.prompt_tokens + self.answer_tokens

    def add(self, row: LogRow, cost: float | None) -> None:
        """Count a request."""
        self.requests += 1
        self.prompt_tokens += row.prompt_tokens or 0
        self.answer_tokens += row.answer_tokens or 0
        self.slot_hours += (row.seconds or 0.0) / _SECONDS_AN_HOUR
        self.cost += cost or 0.0
        self.unpriced += cost is None


@dataclass
class Refused:
    """What a cap on a tenant's tokens of a day would have refused, and what that would have saved.

    A request is refused that would take its tenant above the cap; smaller ones behind it may pass.
    """

    cap: int
    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    tenants: set[str] = field(default_factory=set[str])
    days: set[str] = field(default_factory=set[str])


@dataclass
class Costs:
    """What was found between two days; `groups` by (version, tenant), `days` by date (UTC)."""

    groups: dict[tuple[str, str], Spent] = field(default_factory=dict[tuple[str, str], Spent])
    days: dict[str, Spent] = field(default_factory=dict[str, Spent])
    total: Spent = field(default_factory=Spent)
    refused: Refused | None = None


def costs_of(rows: Iterable[LogRow], price: Price, cap: int | None = None) -> Costs:
    """Return what rows cost, which come a day after the other; `cap`: tokens a day of a tenant."""
    found = Costs(refused=None if cap is None else Refused(cap))
    for day, some in groupby(rows, key=lambda row: f"{row.time.astimezone(UTC):%Y-%m-%d}"):
        used: dict[str, int] = {}
        whole = found.days.setdefault(day, Spent())
        # A cap is met in the order of time, which rows of a log need not have.
        for row in sorted(some, key=lambda row: row.time):
            cost = price.of(row)
            for spent in (found.total, whole, _group(found.groups, row)):
                spent.add(row, cost)
            if found.refused is not None:
                _meet(found.refused, used, day, row, cost or 0.0)
    return found


def _group(groups: dict[tuple[str, str], Spent], row: LogRow) -> Spent:
    key = version_of(row), row.tenant or "-"
    if key not in groups and len(groups) >= MOST_GROUPS:
        key = OTHERS, OTHERS
    return groups.setdefault(key, Spent())


def _meet(refused: Refused, used: dict[str, int], day: str, row: LogRow, cost: float) -> None:
    tenant = row.tenant or "-"
    tokens = (row.prompt_tokens or 0) + (row.answer_tokens or 0)
    if used.get(tenant, 0) + tokens <= refused.cap:
        used[tenant] = used.get(tenant, 0) + tokens
        return
    refused.requests += 1
    refused.tokens += tokens
    refused.cost += cost
    refused.tenants.add(tenant)
    refused.days.add(day)


def whole_days(days: Mapping[str, Spent], first: str, last: str) -> list[Spent]:
    """Return the days strictly between two, in order, those without a request too."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    between = (start + timedelta(days=number) for number in range(1, (end - start).days))
    return [days.get(day.isoformat()) or Spent() for day in between]
