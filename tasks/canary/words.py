"""What people see of a canary, as Markdown: the arms side by side, and the self-test's table.

Needs nothing; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.text_tables import aligned_table
from model_registry.power.shares import share_interval
from tasks.canary.arms import ARMS, Arms, Counts
from tasks.canary.judge import Verdict, events_of, in_words
from tasks.canary.phases import State
from tasks.canary.policy import METRICS, CanaryPolicy
from tasks.canary.selftest import Row, Stopped
from tasks.canary.traffic import Traffic


def side_by_side(state: State, policy: CanaryPolicy) -> str:
    """Return a canary's page: where it is and why, and every phase, the newest first."""
    where = state.ended or f"{state.weights.canary:g} % of the traffic"
    since = state.done[-1].until if state.ended else state.since
    kind = "Canary" if state.promotes else "Experiment"
    lines = [
        f"# {kind} of {state.name}: version {state.candidate.version} beside version"
        f" {state.champion.version}",
        "",
        f"**{where}**, since {since:%Y-%m-%d %H:%M} UTC."
        + (f" Why: {state.why}." if state.why else ""),
    ]
    if not state.ended:
        lines += _phase(state, policy, state.weights.canary, state.counts, state.verdicts)
    lines += _shadow(state, policy)
    for done in reversed(state.done):
        lines += _phase(state, policy, done.share, done.counts, done.verdicts)
    return "\n".join(lines)


def in_a_line(state: State) -> str:
    """Return where a canary is, in a line: its share, its requests, what each metric says."""
    if state.ended:
        return f"{state.ended}: {state.why}"
    share, said = state.weights.canary, [f"{v.metric} {v.verdict}" for v in state.verdicts]
    where = f"{share:g} % of the traffic" if share else "waits for its process"
    counted = f"{state.counts.canary.requests:,} requests of its own in this phase"
    return ", ".join([f"version {state.candidate.version}: {where}", counted, *said])


def _phase(
    state: State, policy: CanaryPolicy, share: float, counts: Arms, verdicts: Sequence[Verdict]
) -> list[str]:
    """Return one phase: the arms side by side, and the verdicts."""
    arms: list[Counts] = [getattr(counts, name) for name in ARMS]
    shares = [name for name in METRICS if name != "latency" and name in policy.judged]
    rows = [
        ("requests", *(f"{arm.requests:,}" for arm in arms)),
        ("judged answers", *(f"{arm.judged:,}" for arm in arms)),
        *((of, *(_share(of, arm) for arm in arms)) for of in shares),
        ("latency p50", *(_latency(state, arm, 0.5) for arm in arms)),
        ("latency p95", *(_latency(state, arm, 0.95) for arm in arms)),
    ]
    lines = ["", f"## At {share:g} %", "", *aligned_table(("", *ARMS), rows)]
    if verdicts:
        said = [(verdict.metric, verdict.verdict, verdict.reason) for verdict in verdicts]
        lines += ["", *aligned_table(("metric", "verdict", "why"), said)]
    return lines


def _shadow(state: State, policy: CanaryPolicy) -> list[str]:
    """Return what came of recorded requests, which no user sent; nothing without any."""
    if not state.shadow.canary.requests:
        return []
    both = [state.shadow.baseline, state.shadow.canary]
    shares = [name for name in METRICS if name != "latency" and name in policy.judged]
    rows = [
        ("requests", *(f"{arm.requests:,}" for arm in both)),
        ("judged answers", *(f"{arm.judged:,}" for arm in both)),
        *((of, *(_share(of, arm) for arm in both)) for of in shares),
    ]
    title = "## Recorded requests, asked again: no user's, and no part of latency and stops"
    return ["", title, "", *aligned_table(("", "champion", "canary"), rows)]


def selftest_table(
    rows: Sequence[Row], stopped: Sequence[Stopped], traffic: Traffic, needed: float | None
) -> str:
    """Return what the self-test found, with exact intervals (95 %), and what speaks against it."""
    heads = ("version", "hours", "is", "in", "95 %", "goal", "rolled back", "went on", "undecided")
    lines = aligned_table(heads, [_row(row) for row in rows])
    quiet = rows[-1]
    if quiet.minutes is not None:
        lines += ["", f"At 3 requests a minute the rest comes {in_words(quiet.minutes)} (median)."]
    lines += [
        "",
        "Minutes until a broken version is rolled back, half of them and all:",
        *(f"- {one.kind}: {one.median:.0f}, {one.most:.0f}" for one in stopped),
        "",
        "To catch hallucinations of 8 % for 4 % in 80 of 100 first looks, judge"
        f" {f'at least {needed:.0%}' if needed else 'more than all'} of the canary's and the"
        f" baseline's answers, at {traffic.rate:g} requests a second.",
        "",
    ]
    missed = [row for row in rows if row.missed]
    if not missed:
        return "\n".join([*lines, "The policy passes its own test."])
    lines += ["The policy FAILS its own test:"]
    lines += [f"- {row.kind}: {row.goal.outcome} in {row.hits / row.hours:.1%}" for row in missed]
    return "\n".join(lines)


def _row(row: Row) -> tuple[str, ...]:
    low, high = (float(end) for end in share_interval(row.hits, row.hours))
    goal = row.goal
    return (
        row.kind,
        f"{row.hours:,}",
        goal.outcome,
        f"{row.hits / row.hours:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{'at least' if goal.at_least else 'at most'} {goal.limit:.0%}",
        f"{row.counted['rolled back']:,}",
        f"{row.counted['went on']:,}",
        f"{row.counted['not enough data']:,}",
    )


def _share(metric: str, arm: Counts) -> str:
    events = events_of(metric, arm)
    if not events.n:
        return "none"
    low, high = (float(end) for end in share_interval(events.hits, events.n))
    return f"{events.hits:,} ({events.share:.2%}; {low:.2%} to {high:.2%})"


def _latency(state: State, arm: Counts, at: float) -> str:
    found = arm.histogram(state.seen.edges).quantile(at) if arm.latency else None
    return "none" if found is None else f"{found:,.0f} ms"
