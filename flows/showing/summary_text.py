"""A retraining's summary as text for the terminal, at most about 100 columns wide.

Needs a summary; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import get_args

from flows.showing.summary import GateLine, RetrainSummary
from model_registry.scorecard import MetricResult, Role
from tasks.finetuning.reproduce import Spent


def render(summary: RetrainSummary) -> str:
    """Return the summary as text, at most about 100 columns wide."""
    made = [entry.title for entry in summary.stages if not entry.reused]
    found = [entry.title for entry in summary.stages if entry.reused]
    lines = [
        *(["Nothing new: every stage was finished before."] if summary.nothing_new else []),
        f"{summary.candidate} version {summary.version}: "
        f"{'PASSED its gates' if summary.passed else 'REFUSED by its gates'}"
        f"{f', and serves as version {summary.serves}' if summary.is_champion else ''}",
        "",
        f"Stages     {len(made)} run ({', '.join(made) or 'none'})",
        f"           {len(found)} found finished and skipped",
        "Rows       " + ", ".join(f"{n} {what}" for what, n in summary.rows.items()),
        "Redacted   " + (_counts(summary.redacted) or "nothing"),
    ]
    if summary.quarantined:
        lines.append("Quarantine " + _counts(summary.quarantined))
    if summary.unread:
        unread = ", ".join(f"{name} ({count} rows)" for name, count in summary.unread.items())
        lines.append(f"Not read   {unread}")
    if summary.context_only:
        lines.append(f"           {summary.context_only} answers are context only, not learned")
    if summary.names_unread:
        lines.append(f"           names not looked for in rows in {_counts(summary.names_unread)}")
    if not summary.parameters.names:
        lines.append("           NAMES, PLACES AND ORGANIZATIONS WERE NOT REDACTED (names off)")
    validation = summary.validation_loss
    held = f", {validation:.3f} on validation" if validation is not None else ""
    spent = Spent(seconds=summary.seconds, cost=summary.cost).words()
    lines += [
        f"Training   {summary.steps} steps, loss {summary.first_loss:.3f} to "
        f"{summary.final_loss:.3f}{held}",
        *([f"           {spent}"] if spent else []),
        *[line for note in summary.training_notes for line in _wrapped(note)],
        "",
        *score_lines(summary.metrics),
        *[f"  {note}" for note in summary.notes],
        *waiting_lines(summary.waits),
        "",
        f"Gates (compared with the {summary.compared_with}{why_the_base(summary)})",
        *[f"  {word(gate)}  {gate.gate}: {gate.reason}" for gate in summary.gates],
        *(["", f"People     {summary.people}"] if summary.people else []),
        "",
        "Waiting",
        *[f"  {line}" for line in summary.waits_for],
        "",
        "Look at",
        *[f"  {what:8s} {place}" for what, place in summary.look_at.items()],
        f"  digest   {summary.candidate_digest}",
        *next_lines(summary),
    ]
    return "\n".join(lines)


def outcome(summary: RetrainSummary) -> str:
    """Return what a run came to, as one sentence or two; its state in Prefect says so."""
    told = f"{summary.candidate} version {summary.version}"
    failed = [line.gate for line in summary.gates if not line.passed]
    how = f"was refused by its gates ({', '.join(failed)})"
    if summary.passed:
        how = f"passed its gates; {summary.waits_for[-1]}"
    new = "Nothing new, all stages were finished before. " if summary.nothing_new else ""
    return f"{new}{told} {how}."


def why_the_base(summary: RetrainSummary) -> str:
    """Return why a candidate was compared with the base, as holds when the run ends."""
    if summary.compared_with != "base":
        return ""
    if summary.is_champion:
        return f"; it serves since then, as version {summary.serves}"
    if summary.champion is not None:
        return f"; it is what serves, version {summary.champion}"
    if summary.serves is not None:
        return f"; nothing served then, and version {summary.serves} does now"
    return "; there is no champion yet"


def next_lines(summary: RetrainSummary) -> list[str]:
    """Return what to do next, with what to click and what to type; none in older summaries."""
    step = summary.next_step
    if step is None:
        return []
    place = next((entry for entry in summary.places if entry.key == step.place), None)
    first = f"  first    {summary.how_to_open}"
    return [
        "",
        f"Next       {step.text}",
        *([first] if place and summary.how_to_open else []),
        *([f"  click    {place.url}"] if place else []),
        *([f"  or type  {step.command}"] if step.command else []),
    ]


def word(gate: GateLine) -> str:
    """Return a gate's verdict in a word or three."""
    if gate.passed:
        return "pass"
    return gate.state if gate.state == "not enough evidence" else "FAIL"


def score_lines(metrics: Sequence[MetricResult]) -> list[str]:
    """Return a head and a line for each metric, with every model's figure."""
    roles: list[Role] = [role for role in get_args(Role) if role in metrics[0].scores]
    lines = [f"{'Scores (95% intervals)':34s}" + "".join(f" {role:>23s}" for role in roles)]
    for metric in metrics:
        given = [metric.scores.get(role) for role in roles]
        cells = [one.shown(metric.unit) if one else "missing" for one in given]
        lines.append(f"  {metric.key:32s}" + "".join(f" {cell:>23s}" for cell in cells))
    return lines


def waiting_lines(waits: Sequence[str]) -> list[str]:
    """Return a head and a line for each model whose user's wait was measured; none, if none was."""
    head = ["", "One user at a time, measured when the answers were made"] if waits else []
    return [*head, *[f"  {one}" for one in waits]]


def _wrapped(note: str) -> list[str]:
    return wrap(note, 100, initial_indent=" " * 11, subsequent_indent=" " * 13)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
