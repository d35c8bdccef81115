"""Promises as rules for Prometheus: what is recorded of each objective, and its alerts.

The shape is Sloth's, but that a window is a label and that its share is counted of the window's
requests, not averaged over time: an hour of the night is not as much as one of the day. Reads two
counters of the exporter, `paddock_slo_requests_total` and `paddock_slo_bad_total`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from tasks.slo.burning import FEW_BAD, Pair, pairs_of
from tasks.slo.objectives import COUNTED, Objective, Promises

FAST, SLOW, SPENT = "PaddockSloBurnsFast", "PaddockSloBurnsSlowly", "PaddockSloBudgetSpent"
RATIO, RATE, LEFT = "slo:paddock_bad:ratio", "slo:paddock_requests:rate", "slo:paddock_left:ratio"
PAUSES = ("pauses", "releases")  # the label by which an alert holds releases
_PAGES = {FAST: "slo_burns_fast", SLOW: "slo_burns_slowly", SPENT: "slo_budget_spent"}
_FOR = {FAST: "2m", SLOW: "15m", SPENT: "5m"}
_HEAD = """\
# Made by `paddock slo render`, from the table [slo] of a serving's file: change that, not this.
# Windows, factors and least rates: docs/slo.md.
groups:
"""


def rules_of(promises: Promises, model: str) -> str:
    """Return the rules of a model's promises, as a file of Prometheus's."""
    left = [line for name in promises.objectives for line in _left(promises, model, name)]
    alerts = [line for name in promises.objectives for line in _alerts(promises, model, name)]
    lines = [
        f"  - name: paddock-slo-{model}",
        "    rules:",
        *_shares(promises, model),
        *left,
        f"  - name: paddock-slo-alerts-{model}",
        "    rules:",
        *alerts,
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _shares(promises: Promises, model: str) -> Iterator[str]:
    """Yield what is recorded of every objective, in every window that one of them has."""
    every = promises.objectives.values()
    pairs = [pair for one in every for pair in pairs_of(one, promises.days)]
    chosen, of = f'{{model="{model}"}}', {"model": model}
    for minutes in sorted({minutes for pair in pairs for minutes in (pair.long, pair.short)}):
        window = _window(minutes)
        bad, asked = _rate("bad", chosen, window), _rate("requests", chosen, window)
        yield from _record(RATIO, f"{bad} / ({asked} > 0)", of | {"window": window})
    for minutes in sorted({pair.long for pair in pairs}):
        window = _window(minutes)
        yield from _record(RATE, _rate("requests", chosen, window), of | {"window": window})


def _left(promises: Promises, model: str, name: str) -> Iterator[str]:
    objective, days = promises.objectives[name], f"{promises.days}d"
    chosen = f'{{model="{model}",slo="{name}"}}'
    bad, asked = _rate("bad", chosen, days), _rate("requests", chosen, days)
    share = f"1 - ({bad} / ({asked} > 0)) / {objective.allowed:g}"
    yield f"      # {name}: {objective.target:g} good over {promises.days} days."
    yield from _record(LEFT, share, {"model": model, "slo": name, "window": days})


def _record(name: str, query: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"      - record: {name}",
        f"        expr: {query}",
        f"        labels: {{{_told(labels)}}}",
    )


def _told(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {json.dumps(value)}" for key, value in labels.items())


def _rate(counted: str, chosen: str, window: str) -> str:
    return f"sum by (model, slo) (rate(paddock_slo_{counted}_total{chosen}[{window}]))"


def _alerts(promises: Promises, model: str, name: str) -> Iterator[str]:
    objective = promises.objectives[name]
    pairs = pairs_of(objective, promises.days)
    of = f"{{{{ $labels.model }}}}, {name}: {{{{ $value | humanizePercentage }}}}"
    counted = "questions" if objective.of == "recall" else "requests"
    bad = f"{of} of the {counted} are bad ({COUNTED[objective.of]}); {objective.allowed:.4g} may be"
    half = len(pairs) // 2
    for alert, chosen in ((FAST, pairs[:half]), (SLOW, pairs[half:])):
        yield from _comment(name, chosen, objective)
        query = "\nor\n".join(_burns(model, name, pair) for pair in chosen)
        severity = chosen[0].severity
        yield from _alert(promises, name, alert, query, severity, bad)
    enough = max(FEW_BAD / objective.allowed, objective.needed) / (promises.days * 1440)
    left = _of(LEFT, model, name, f"{promises.days}d")
    rate = _of(RATE, model, name, _window(pairs[-1].long))
    query = (
        f"max without (window) (\n  {left} <= 0\n"
        f"  and ignoring (window) {rate} * 60 >= {max(enough, objective.least_rate):.4g}\n)"
    )
    said = f"{of} of the budget of {promises.days} days is left"
    yield from _alert(promises, name, SPENT, query, "ticket", said)


def _comment(name: str, pairs: Sequence[Pair], objective: Objective) -> Iterator[str]:
    told = "; ".join(
        f"{_window(pair.long)} and {_window(pair.short)} at {pair.factor:.3g} times the allowed "
        f"{objective.allowed:g}"
        for pair in pairs
    )
    yield f"      # {name}: {told}."


def _burns(model: str, name: str, pair: Pair) -> str:
    long, short = _window(pair.long), _window(pair.short)
    return (
        f"max without (window) (\n  {_of(RATIO, model, name, long)} > {pair.threshold:.6g}\n"
        f"  and ignoring (window) {_of(RATIO, model, name, short)} > {pair.threshold:.6g}\n"
        f"  and ignoring (window) {_of(RATE, model, name, long)} * 60 >= {pair.least_rate:.4g}\n)"
    )


def _of(record: str, model: str, name: str, window: str) -> str:
    return f'{record}{{model="{model}",slo="{name}",window="{window}"}}'


def _alert(
    promises: Promises, name: str, alert: str, query: str, severity: str, summary: str
) -> Iterator[str]:
    objective = promises.objectives[name]
    labels = {"severity": severity, "owner": objective.owner or promises.owner, "slo": name}
    if objective.pauses:
        labels |= dict([PAUSES])
    page = f"{{{{ $externalLabels.paddock_docs }}}}/runbooks/{_PAGES[alert]}.md"
    yield f"      - alert: {alert}"
    yield "        expr: |"
    yield from (f"          {line}" for line in query.splitlines())
    yield f"        for: {_FOR[alert]}"
    yield f"        labels: {{{_told(labels)}}}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(summary)}"
    yield f"          runbook_url: {json.dumps(objective.runbook or page)}"


def _window(minutes: int) -> str:
    """Return a time as Prometheus writes it."""
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
