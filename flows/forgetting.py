"""`paddock forget`: who used a person's rows, that they are used no more, and how to rebuild."""

from __future__ import annotations

from flows.lineage import SnapshotUse, uses_of
from flows.parameters import ForgetParameters, LineageParameters
from flows.redactors import redaction_key
from flows.summary import RetrainSummary, read_summaries
from flows.workshop import Workshop
from tasks.ingestion.subjects import forget_subject, subject_hash

_ROWS_SHOWN = 20


def forget(workshop: Workshop, parameters: ForgetParameters) -> str:
    """Record a deletion request and return what it means, as text.

    From then on no ingestion keeps a row of that person. Nothing is deleted: what was made from the
    rows serves until its successor is approved, and the plan says what to remove then.
    """
    digest = subject_hash(parameters.subject, redaction_key(workshop.settings))
    uses = uses_of(workshop, lambda row: row.get("subject") == digest)
    lines = [_request(workshop, parameters, digest), "", *_used(uses)]
    if uses:
        lines += ["", *_plan(workshop, uses)]
    return "\n".join(lines)


def trace(workshop: Workshop, parameters: LineageParameters) -> str:
    """Return where a row came from and what was made of it, as text."""
    uses = uses_of(workshop, lambda row: str(row["id"]).startswith(parameters.row))
    return "\n".join(_used(uses))


def _request(workshop: Workshop, parameters: ForgetParameters, digest: str) -> str:
    if parameters.dry_run:
        return f"Subject {digest[:16]}: nothing recorded (--dry-run)."
    new = forget_subject(workshop.store, digest, parameters.reason)
    word = "recorded" if new else "was recorded before"
    return f"Subject {digest[:16]}: the request {word}; no ingestion keeps their rows any more."


def _used(uses: list[SnapshotUse]) -> list[str]:
    if not uses:
        return [
            "No snapshot holds such a row.",
            "(Rows bear a subject only where the data set's contract names its column: "
            'privacy.subject = "customer_id".)',
        ]
    lines: list[str] = []
    for use in uses:
        lines.append(f"Snapshot {use.digest[:16]} of {use.created_at}: {len(use.rows)} rows")
        for row in use.rows[:_ROWS_SHOWN]:
            digest = row.source_digest[:16]
            lines.append(f"  {row.source}, line {row.line} ({row.split}; file digest {digest})")
        if len(use.rows) > _ROWS_SHOWN:
            lines.append(f"  and {len(use.rows) - _ROWS_SHOWN} more")
        lines += [f"  trained: {model}" for model in use.models]
        for version in use.versions:
            alias = f", serves as {version.serves}" if version.serves else ""
            lines.append(f"  registered: {version.name} version {version.version}{alias}")
    return lines


def _plan(workshop: Workshop, uses: list[SnapshotUse]) -> list[str]:
    """Return the steps to models without the rows: rebuild, approve, then remove the old."""
    used = {use.digest for use in uses}
    names = sorted({v.name.removesuffix("-candidate") for use in uses for v in use.versions})
    lines = ["To rebuild without these rows:"]
    number = 0
    for name in names:
        summary = _newest(workshop, name)
        if summary is None:
            continue
        number += 1
        lines.append(f"  {number}. {_command(summary)}")
        lines.append("     (unchanged shards are found again; the gates and approvals are as ever)")
        number += 1
        lines.append(
            f"  {number}. let people approve the new candidate: paddock promote --name {name}"
        )
    serving = [v for use in uses for v in use.versions if v.serves]
    if serving:
        lines.append(
            "  Until then these serve: "
            + ", ".join(f"{v.name} version {v.version}" for v in serving)
        )
    lines.append(f"  {number + 1}. then remove from {workshop.store.uri}:")
    lines += [f"       {key}" for use in uses for key in (use.key, *use.models)]
    lines.append(
        f"     and what came from it (ingest-shard, answers of {len(used)} snapshots' models)"
    )
    return lines


def _newest(workshop: Workshop, name: str) -> RetrainSummary | None:
    return next(iter(read_summaries(workshop.store, name, newest=1)), None)


def _command(summary: RetrainSummary) -> str:
    """Return the command that repeats a run: every parameter that is not its default."""
    given = summary.parameters.model_dump(exclude_defaults=True)
    given.setdefault("name", summary.name)
    words = ["paddock run"]
    for name, value in given.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option} {value}")
    return " ".join(words)
