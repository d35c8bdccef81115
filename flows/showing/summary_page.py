"""A retraining's summary as a page in Prefect: the verdict first, then what leads on.

Needs a summary; publishes one Markdown artifact, and a link artifact for each page it leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import get_args

from flows.showing.publishing import publish_links, publish_page
from flows.showing.summary import RetrainSummary
from flows.showing.summary_text import why_the_base, word
from model_registry.scorecard import MetricResult, Role
from tasks.finetuning.reproduce import Spent


def publish_summary(summary: RetrainSummary) -> None:
    """Publish the page a person reads first, and the places it leads to."""
    publish_page("summary", summary_page(summary), "What this run did, and what comes next")
    publish_links(summary.places)


def summary_page(summary: RetrainSummary) -> str:
    """Return the page as Markdown."""
    written = datetime.fromisoformat(summary.finished_at)
    parts = [
        f"# {_verdict(summary)}",
        *(["**Nothing new: every stage was finished before.**"] if summary.nothing_new else []),
        " ".join(_sentences(summary)),
        _next(summary),
        f"*Written {written:%Y-%m-%d %H:%M} UTC; `paddock show --name {summary.name}` says what "
        "holds now.*",
        _places(summary),
        "## Gates",
        table(
            ("gate", "verdict", "reason"),
            [
                (line.gate, word(line), line.reason)
                for line in sorted(summary.gates, key=lambda line: line.passed)
            ],
        ),
        "## Scores (95% intervals)",
        scores_table(summary.metrics),
        f"People: {summary.people}." if summary.people else "",
        *[f"- {note}" for note in (*summary.notes, *summary.waits)],
        "## Rows",
        _rows(summary),
        "## Training",
        *[f"- {note}" for note in (*_spent(summary), *summary.training_notes)],
        "## Stages",
        _stages(summary),
        f"Files `{summary.look_at.get('files', '')}`  \nDigest `{summary.candidate_digest}`",
    ]
    return "\n\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a sign that would end a cell is written as another."""
    lines = [" | ".join(cell.replace("|", "/") for cell in row) for row in rows]
    ruler = " | ".join("---" for _ in head)
    return "\n".join(f"| {line} |" for line in (" | ".join(head), ruler, *lines))


def scores_table(metrics: Sequence[MetricResult]) -> str:
    """Return a table with every model's figures."""
    shown = [metric for metric in metrics if any(one.n for one in metric.scores.values())]
    roles: list[Role] = [role for role in get_args(Role) if any(role in m.scores for m in shown)]
    rows = [
        (
            metric.key,
            *(
                score.shown(metric.unit) if (score := metric.scores.get(role)) else "missing"
                for role in roles
            ),
        )
        for metric in shown
    ]
    return table(("figure", *roles), rows)


def _verdict(summary: RetrainSummary) -> str:
    told = f"{summary.candidate} version {summary.version}"
    if summary.is_champion:
        return f"{told} serves, as version {summary.serves} of {summary.name}"
    return f"{told} {'passed its gates' if summary.passed else 'was refused by its gates'}"


def _sentences(summary: RetrainSummary) -> Iterable[str]:
    failed = [line.gate for line in summary.gates if not line.passed]
    count = len(summary.gates)
    gates = f"{len(failed)} of {count} gates refused it ({', '.join(failed)})"
    if not failed:
        gates = "Its one gate let it pass" if count == 1 else f"All {count} gates let it pass"
    yield f"{gates}, compared with the {summary.compared_with}{why_the_base(summary)}."
    held = summary.validation_loss
    yield (
        f"It learned from {summary.rows['kept']} of {summary.rows['in']} rows in {summary.steps} "
        f"steps: loss {summary.first_loss:.3f} to {summary.final_loss:.3f}"
        f"{'' if held is None else f', {held:.3f} on validation'}."
    )
    waits = "; ".join(summary.waits_for)
    yield f"{waits[:1].upper()}{waits[1:]}."


def _next(summary: RetrainSummary) -> str:
    step = summary.next_step
    if step is None:
        return ""
    place = next((entry for entry in summary.places if entry.key == step.place), None)
    lines = [f"**Next:** {step.text}"]
    lines += [f"- click {place.markdown}"] if place else []
    lines += [f"- or type `{step.command}`"] if step.command else []
    return "\n".join(lines)


def _places(summary: RetrainSummary) -> str:
    if not summary.places:
        return "There is no MLflow server here whose pages could be linked: `make up` starts one."
    lines = [f"- {place.markdown}" for place in summary.places]
    how = summary.how_to_open
    return "\n".join(["## Pages", *([f"To open them, {how}.", ""] if how else []), *lines])


def _rows(summary: RetrainSummary) -> str:
    counts = [(what, str(n)) for what, n in summary.rows.items() if n or what in ("in", "kept")]
    counts += [(f"quarantined: {why}", str(n)) for why, n in sorted(summary.quarantined.items())]
    counts += [(f"redacted: {kind}", str(n)) for kind, n in sorted(summary.redacted.items())]
    counts += [(f"not read: {name}", f"in {n} rows") for name, n in summary.unread.items()]
    counts += [
        (f"names not looked for: {language}", f"in {n} rows")
        for language, n in summary.names_unread.items()
    ]
    if summary.context_only:
        counts.append(("answers that are context only, not learned", str(summary.context_only)))
    told = [table(("rows", "how many"), counts)]
    if not summary.parameters.names:
        told.insert(0, "**Names, places and organizations were not redacted (names off).**")
    return "\n\n".join(told)


def _spent(summary: RetrainSummary) -> list[str]:
    spent = Spent(seconds=summary.seconds, cost=summary.cost).words()
    return [spent] if spent else []


def _stages(summary: RetrainSummary) -> str:
    made = [entry.title for entry in summary.stages if not entry.reused]
    found = [entry.title for entry in summary.stages if entry.reused]
    lines = [f"- {len(made)} run: {', '.join(made)}"] if made else []
    lines += [f"- {len(found)} found finished and skipped: {', '.join(found)}"] if found else []
    return "\n".join(lines)
