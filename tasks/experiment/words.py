"""What people see of an experiment, as Markdown, and its own test's tables.

Needs nothing; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.text_tables import aligned_table
from model_registry.power.shares import share_interval
from tasks.experiment.groups import ARMS
from tasks.experiment.judge import Asked, Experiment, Mean
from tasks.experiment.metrics import METRICS
from tasks.experiment.selftest import Row, sizes


def question(asked: Asked) -> str:
    """Return what is compared, and the least difference that matters."""
    of = METRICS[asked.metric]
    least = f"{asked.effect * 100:g} points" if of.share else f"{asked.effect:.0%}"
    return f"{asked.metric} ({of.text}); the least difference that matters is {least}"


def says(experiment: Experiment) -> str:
    """Return what can be said, with the difference, in a line."""
    asked, verdict = experiment.asked, experiment.verdict
    if not experiment.looks:
        return f"{verdict}: {experiment.lacks}"
    last = experiment.looks[-1]
    told = (
        f"{verdict}: B - A is {_signed(asked, last.difference)} (p {p_in_words(last.p)}; with "
        f"{1 - asked.alpha:.0%} {_signed(asked, last.low)} to {_signed(asked, last.high)}, at "
        "whichever look)"
    )
    if verdict == "the difference changed":
        return (
            f"{verdict} while it ran: no one difference fits all looks (p {p_in_words(last.p)}); "
            "see the plot, and ask what happened then"
        )
    if verdict == "nothing can be said yet" and last.seconds is not None:
        told += f"; a difference that matters is seen {_later(last.seconds)} at this traffic"
    return told


def table(experiment: Experiment) -> list[str]:
    """Return both arms side by side; what was not asked for has no verdict."""
    rows = list[tuple[str, str, str, str]]()
    for metric, of in METRICS.items():
        both = [experiment.means.get(arm, {}).get(metric) for arm in ARMS]
        if any(both):
            mark = "asked" if metric == experiment.asked.metric else ""
            a, b = (_mean(one, of.share, of.unit) for one in both)
            rows.append((metric, a, b, mark))
    return aligned_table(("", "A (champion)", "B (candidate)", ""), rows)


def selftest_tables(rows: Sequence[Row], rate: float, share: float) -> str:
    """Return what the self-test found with exact intervals (95 %), and the requests needed.

    `rate` is of requests a second over all arms, `share` percent of them in each arm.
    """
    heads = ("traffic", "an arm", "decided", "95 %", "goal", "made for one look", "as strangers")
    lines = aligned_table(heads, [_row(row) for row in rows])
    lines += [
        "",
        f"Requests that an arm needs for 80 of 100, and hours at {rate:g} a second with "
        f"{share:g} % in each arm:",
        "",
        *aligned_table(
            ("metric", "difference", "each a user", "hours", "5 a user, alike .3", "hours"),
            [
                (
                    size.metric,
                    f"{size.effect * 100:g} {'points' if size.metric != 'tokens' else '%'}",
                    *_needed(size.requests, rate, share),
                    *_needed(size.alike, rate, share),
                )
                for size in sizes()
            ],
        ),
        "",
    ]
    missed = [row for row in rows if row.missed]
    if not missed:
        return "\n".join([*lines, "The test passes its own test."])
    lines += ["The test FAILS its own test:"]
    return "\n".join(
        [*lines, *(f"- {row.case.kind}: {row.decided / row.runs:.1%}" for row in missed)]
    )


def p_in_words(p: float) -> str:
    """Return a p-value as people write it."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def _row(row: Row) -> tuple[str, ...]:
    low, high = (float(end) for end in share_interval(row.decided, row.runs))
    return (
        row.case.kind,
        f"{row.case.drawn.requests:,}",
        f"{row.decided / row.runs:.1%}",
        f"{low:.1%} to {high:.1%}",
        "at least 80%" if row.case.differs else "at most 5%",
        f"{row.once / row.runs:.1%}",
        f"{row.strangers / row.runs:.1%}",
    )


def _needed(requests: int, rate: float, share: float) -> tuple[str, str]:
    return f"{requests:,}", f"{requests / (rate * 3600 * share / 100):,.1f}"


def _mean(of: Mean | None, share: bool, unit: str) -> str:
    if of is None:
        return "none"
    shown = f"{of.mean:.2%}" if share else f"{of.mean:.4g}{unit}"
    return f"{shown} of {of.n:,}"


def _signed(asked: Asked, value: float) -> str:
    if METRICS[asked.metric].share:
        return f"{value * 100:+.2f} points"
    return f"{value:+.1%}"


def _later(seconds: float) -> str:
    if seconds < 60:
        return "now, in 80 of 100"
    hours = seconds / 3600
    if hours < 2:
        return f"in about {seconds / 60:.0f} minutes"
    return f"in about {hours:.0f} hours" if hours < 72 else f"in about {hours / 24:.0f} days"
