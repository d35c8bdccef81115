"""Costs as people, and programs, read them. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

from data_contracts.text_tables import aligned_table
from tasks.costs.forecast import LEAST_DAYS, Forecast
from tasks.costs.spending import Costs, Refused, Spent

_HEADS = (
    "stage",
    "version",
    "tenant",
    "requests",
    "tokens asked",
    "tokens answered",
    "hours",
    "cost",
    "per 1,000 tokens",
)
_MOST = 40  # lines; the rest is counted together


class Capped(NamedTuple):
    """A tenant's tokens of today: taken by answers, reserved for what is under way, its cap."""

    taken: int
    reserved: int
    cap: int


class Told(NamedTuple):
    """All that is told of a time: serving's costs, trainings' hours and cost, and what comes."""

    name: str
    since: str
    until: str
    serving: Costs
    trainings: int
    training_hours: float
    training_cost: float
    forecast: Forecast | None
    capped: dict[str, Capped]


def as_json(told: Told) -> dict[str, Any]:
    """Return it for a program; costs in your currency, hours of slots and of GPUs."""
    serving, refused = told.serving, told.serving.refused
    groups = [
        {"version": version, "tenant": tenant, **asdict(spent)}
        for (version, tenant), spent in _sorted(serving)
    ]
    return {
        "name": told.name,
        "since": told.since,
        "until": told.until,
        "serving": {
            **asdict(serving.total),
            "groups": groups,
            "days": {day: asdict(spent) for day, spent in serving.days.items()},
        },
        "training": {
            "trainings": told.trainings,
            "gpu_hours": told.training_hours,
            "cost": told.training_cost,
        },
        "forecast": told.forecast._asdict() if told.forecast else None,
        "cap": {**asdict(refused), "tenants": sorted(refused.tenants), "days": sorted(refused.days)}
        if refused
        else None,
        "caps_today": {tenant: used._asdict() for tenant, used in told.capped.items()},
    }


def as_table(told: Told) -> str:
    """Return it for a person."""
    groups = _sorted(told.serving)
    rows = [_row("serving", *group, spent) for group, spent in groups[:_MOST]]
    if groups[_MOST:]:
        rows.append(_row("serving", f"{len(groups) - _MOST} more", "-", _together(groups[_MOST:])))
    rows.append(_row("serving", "all", "-", told.serving.total))
    trained = ["-"] * 3 + [f"{told.training_hours:.2f}", f"{told.training_cost:.2f}", "-"]
    rows.append(("training", f"{told.trainings} trainings", "-", *trained))
    lines = [f"What {told.name} cost from {told.since} to {told.until} (UTC):", ""]
    lines += [*aligned_table(_HEADS, rows), ""]
    if unpriced := told.serving.total.unpriced:
        lines.append(f"{unpriced:,} requests have no known cost: --hour says what an hour costs.")
    lines.append(_ahead(told.forecast))
    if told.serving.refused is not None:
        lines.append(_capped(told.serving.refused, told.serving.total))
    lines += [_today(tenant, used) for tenant, used in told.capped.items()]
    return "\n".join(lines)


def _sorted(costs: Costs) -> list[tuple[tuple[str, str], Spent]]:
    return sorted(costs.groups.items(), key=lambda one: (-one[1].cost, -one[1].tokens, one[0]))


def _together(groups: list[tuple[tuple[str, str], Spent]]) -> Spent:
    found = Spent()
    for _, one in groups:
        for name, value in asdict(one).items():
            setattr(found, name, getattr(found, name) + value)
    return found


def _row(stage: str, version: str, tenant: str, spent: Spent) -> tuple[str, ...]:
    each = f"{spent.cost / spent.tokens * 1000:.5f}" if spent.tokens else "-"
    return (
        stage,
        version,
        tenant,
        f"{spent.requests:,}",
        f"{spent.prompt_tokens:,}",
        f"{spent.answer_tokens:,}",
        f"{spent.slot_hours:.2f}",
        f"{spent.cost:.2f}",
        each,
    )


def _ahead(found: Forecast | None) -> str:
    if found is None:
        return f"No forecast: fewer than {LEAST_DAYS} whole days are known."
    requests, tokens, cost = (
        f"{mean:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"
        for (mean, low, high), digits in ((found.requests, 0), (found.tokens, 0), (found.cost, 2))
    )
    return (
        f"The next {found.ahead} days, if they are as the {found.days} whole days here (90 %): "
        f"{requests} requests, {tokens} tokens, {cost} in cost."
    )


def _today(tenant: str, used: Capped) -> str:
    under_way = f", {used.reserved:,} of them reserved" if used.reserved else ""
    whole = used.taken + used.reserved
    return (
        f"{tenant} has used {whole:,} of its {used.cap:,} tokens of today (UTC; "
        f"{whole / used.cap:.0%}{under_way})."
    )


def _capped(refused: Refused, total: Spent) -> str:
    share = refused.requests / total.requests if total.requests else 0.0
    return (
        f"A cap of {refused.cap:,} tokens a day of each tenant would have refused "
        f"{refused.requests:,} requests ({share:.1%}) of {len(refused.tenants)} tenants on "
        f"{len(refused.days)} days: {refused.tokens:,} tokens, {refused.cost:.2f} in cost."
    )
