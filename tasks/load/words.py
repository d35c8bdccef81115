"""What a replay showed, as people read it, and as a picture. Writes the picture's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_contracts.records import Frozen
from data_contracts.text_tables import aligned_table
from tasks.load.replicas import LEAST_MEASURED, Plan, Service
from tasks.load.sending import LATE_SECONDS
from tasks.load.stages import Limits, Stage, saturation

_HEADS = (
    "speed",
    "asked/s",
    "good/s",
    "good",
    "latency p50",
    "p95",
    "first byte p95",
    "tokens/s",
    "under way",
    "sent late",
    "failed",
)


class Loaded(Frozen):
    """All that a replay showed. `plan` is for the whole trace at `plan_speed`, its own being 1."""

    trace: str
    url: str
    limits: Limits
    tokens: float
    stages: tuple[Stage, ...]
    service: Service | None
    plan: Plan | None
    plan_speed: float
    slots: int


def summary(found: Loaded) -> str:
    """Return it as text."""
    limits = found.limits
    promised = " and ".join(
        f"{name} within {most / 1000:g} s"
        for name, most in (("answers", limits.latency_ms), ("first bytes", limits.first_byte_ms))
        if most is not None
    )
    lines = [
        f"{found.trace} at {found.url}. Good: a valid answer, {promised or 'however late'}; a "
        f"speed holds with {limits.share:.4g} good. Waits count from when a request was due.",
        "",
        *aligned_table(_HEADS, [_row(one) for one in found.stages]),
        "",
        _saturated(found.stages),
    ]
    lines += [line for one in found.stages if (line := _doubt(one))]
    return "\n".join([*lines, _planned(found)])


def _row(one: Stage) -> tuple[str, ...]:
    failed = ", ".join(f"{count} {why}" for why, count in one.failed.items())
    return (
        f"{one.speed:g}",
        f"{one.offered:.2f}",
        f"{one.goodput:.2f}",
        f"{one.share:.1%}",
        _seconds(one.latency.get("p50")),
        _seconds(one.latency.get("p95")),
        _seconds(one.first_byte.get("p95")),
        f"{one.tokens_a_second:.0f}",
        f"{one.most_under_way}",
        f"{one.late}",
        failed or "-",
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s"


def _saturated(stages: Sequence[Stage]) -> str:
    held, full = saturation(stages)
    if not any(one.answered for one in stages):
        return "Not one answer came whole: nothing is known of the server but what failed."
    if full is None and held is not None:
        return f"It holds at {held.offered:.2f} requests a second: it is not full yet, ask faster."
    if held is None and full is not None:
        return f"It is full below {full.offered:.2f} requests a second: ask slower."
    if held is None or full is None:
        return "Nothing was sent."
    return (
        f"It is full between {held.offered:.2f} and {full.offered:.2f} requests a second "
        f"(speed {held.speed:g} and {full.speed:g}); the best goodput seen is "
        f"{max(one.goodput for one in stages):.2f} a second."
    )


def _doubt(one: Stage) -> str:
    """Return what speaks against a stage's figures: this machine's sends, and its tokens."""
    if one.late > one.requests / 100:
        return (
            f"Speed {one.speed:g}: {one.late:,} of {one.requests:,} went more than "
            f"{LATE_SECONDS * 1000:g} ms late, the last by {one.worst_late:.2g} s: this machine is "
            "too slow to ask so fast, and its waits are in the figures."
        )
    told = [
        f"{counted:,} tokens of {of}, where the trace has {wanted:,}"
        for of, counted, wanted in (
            ("questions", one.prompt_tokens_counted, one.prompt_tokens_asked),
            ("answers", one.answer_tokens_counted, one.answer_tokens_wanted),
        )
        if counted and not 0.8 <= counted / wanted <= 1.25
    ]
    return f"Speed {one.speed:g}: the server counted {' and '.join(told)}." if told else ""


def _planned(found: Loaded) -> str:
    service, speed = found.service, found.plan_speed
    if service is None:
        return f"How many replicas it needs is not known: {LEAST_MEASURED} must find a free slot."
    took = (
        f"{service.base:.3g} s + {service.asked * 1000:.3g} ms a token asked + "
        f"{service.answered * 1000:.3g} ms a token answered ({service.measured:,} requests)"
    )
    if found.plan is None:
        return f"No number of replicas keeps the trace within this: a request takes {took}."
    return (
        f"The whole trace at speed {speed:g} needs {found.plan.replicas} replicas of {found.slots} "
        f"slots: {found.plan.share:.2%} good, slots {found.plan.busy:.0%} busy. A request takes "
        f"{took}."
    )


def draw(found: Loaded, file: Path) -> None:
    """Write a picture: what was asked and what came back good, and the waits, by stage."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    stages = sorted(found.stages, key=lambda one: one.speed)
    offered = [one.offered for one in stages]
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(7, 7), sharex=True)
    above.plot(offered, offered, color="grey", linestyle=":", label="asked")
    above.plot(offered, [one.goodput for one in stages], marker="o", label="good")
    above.set_ylabel("a second")
    above.legend()
    for percent in ("p50", "p95", "p99"):
        waits = [one.latency.get(percent, float("nan")) for one in stages]
        below.plot(offered, waits, marker="o", label=percent)
    if found.limits.latency_ms is not None:
        limit = found.limits.latency_ms / 1000
        below.axhline(limit, color="grey", linestyle=":", label="limit")
    below.set_yscale("log")
    below.set_xlabel("requests asked a second")
    below.set_ylabel("seconds from when it was due")
    below.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
