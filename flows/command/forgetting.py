"""`paddock forget`: who used a person's rows, that they are used no more, and how to rebuild."""

from __future__ import annotations

import shlex

from data_contracts.errors import PaddockError
from flows.asking.command_words import command_words
from flows.asking.row_parameters import ForgetParameters, LineageParameters
from flows.champion import Registered
from flows.workshop.parts import Workshop
from flows.workshop.redactors import redaction_key
from model_registry.candidates import candidate_of
from model_registry.versions import CHAMPION, list_versions
from tasks.ingestion.subjects import forget_subject, subject_hash
from tasks.lineage.uses import DROPPED, HELD, ModelUse, SnapshotUse, uses_of
from tasks.retrieval.vector_database import VectorDatabase
from tasks.storage.stages import BASE, INDEX, MODEL, REFUSED, TEACHER_ANSWERS

_ROWS_SHOWN = 20
_WORDS = {
    MODEL.name: "trained",
    BASE.name: "used as base, start or teacher",
    TEACHER_ANSWERS.name: "teacher's answers",
    INDEX.name: "indexed",
}


def forget(workshop: Workshop, parameters: ForgetParameters) -> str:
    """Record a deletion request and return what it means, as text.

    From then on no ingestion keeps a row of that person. Nothing of the store is deleted: what was
    made from the rows serves until its successor is approved, and the plan says what to remove
    then. An index of them is searched no more, and its vectors leave the database at once.
    """
    digest = subject_hash(parameters.subject, redaction_key(workshop.settings))
    uses = uses_of(workshop.outputs, workshop.registry, lambda row: row.get("subject") == digest)
    lines = [_request(workshop, parameters, digest), "", *_used(uses)]
    if workshop.vectors and not parameters.dry_run:
        lines += _withdrawn(workshop, workshop.vectors, uses)
    if uses:
        lines += ["", *_plan(workshop, uses)]
    return "\n".join(lines)


def trace(workshop: Workshop, parameters: LineageParameters) -> str:
    """Return where a row came from and what was made of it, as text: a model's variants, too."""
    uses = uses_of(
        workshop.outputs,
        workshop.registry,
        lambda row: any(
            str(row.get(name) or "").startswith(parameters.row) for name in ("id", "synthetic")
        ),
    )
    return "\n".join(_used(uses))


def _request(workshop: Workshop, parameters: ForgetParameters, digest: str) -> str:
    if parameters.dry_run:
        return f"Subject {digest[:16]}: nothing recorded (--dry-run)."
    new = forget_subject(workshop.store, digest, parameters.reason)
    word = "recorded" if new else "was recorded before"
    return f"Subject {digest[:16]}: the request {word}; no ingestion keeps their rows any more."


def _withdrawn(workshop: Workshop, database: VectorDatabase, uses: list[SnapshotUse]) -> list[str]:
    """Take what was published of indexes with these rows out of the database: none is searched."""
    digests = {made.digest for use in uses for made in use.made if made.stage == INDEX.name}
    gone = [one for one in sorted(digests) if database.withdraw(one, workshop.store.uri)]
    return [f"  taken out of {database.shown}: the vectors of index {one[:16]}" for one in gone]


def _used(uses: list[SnapshotUse]) -> list[str]:
    if not uses:
        return [
            "No snapshot holds such a row.",
            "(Rows bear a subject only where the data set's contract names its column: "
            'privacy.subject = "customer_id".)',
        ]
    lines: list[str] = []
    for use in uses:
        what = "Refused ingestion" if use.stage == REFUSED.name else "Snapshot"
        held = sum(row.split == HELD for row in use.rows)
        dropped = len(use.rows) - use.kept - held
        counts = f"{use.kept} rows" + (f", and {held} in quarantine" if held else "")
        counts += f", and {dropped} {DROPPED}" if dropped else ""
        lines.append(f"{what} {use.digest[:16]} of {use.created_at}: {counts}")
        for row in use.rows[:_ROWS_SHOWN]:
            digest = row.source_digest[:16]
            split = "in quarantine" if row.split == HELD else row.split
            by = f"; a model made it of row {row.synthetic[:16]}" if row.synthetic else ""
            lines.append(f"  {row.source}, line {row.line} ({split}{by}; file digest {digest})")
        if len(use.rows) > _ROWS_SHOWN:
            lines.append(f"  and {len(use.rows) - _ROWS_SHOWN} more")
        for made in use.made:
            lines.append(f"  {_WORDS[made.stage]}: {made.key}{_through(made.through)}")
        for version in use.versions:
            alias = f", serves as {version.serves}" if version.serves else ""
            name = f"{version.name} version {version.version}"
            lines.append(f"  registered: {name}{_through(version.through)}{alias}")
    return lines


def _through(parent: str) -> str:
    return f" (through its {parent})" if parent else ""


def _plan(workshop: Workshop, uses: list[SnapshotUse]) -> list[str]:
    """Return the steps to models without the rows: rebuild, approve, then remove the old."""
    lines = ["To rebuild without these rows:"]
    number = 0
    for name, version in _affected(uses).items():
        number += 1
        first, *more = _rebuild(workshop, version)
        lines += [f"  {number}. {first}", *(f"     ({line})" for line in more)]
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
    keys = [key for use in uses for key in (use.key, *(made.key for made in use.made))]
    lines += [f"       {key}" for key in dict.fromkeys(keys)]
    lines.append(
        "     and what came of them: shards (ingest-shard), the models' answers, scores and samples"
    )
    return lines


def _affected(uses: list[SnapshotUse]) -> dict[str, ModelUse]:
    """Return for each model's name the version to rebuild, those with rows of their own first.

    So that what others start from is rebuilt before them. It is the version that serves, if it has
    the rows, else the newest that has.
    """
    found: dict[str, ModelUse] = {}
    for version in sorted((version for use in uses for version in use.versions), key=_rank):
        found[version.name.removesuffix("-candidate")] = version
    return dict(sorted(found.items(), key=lambda item: (bool(item[1].through), item[0])))


def _rank(version: ModelUse) -> tuple[bool, bool, bool, int]:
    return (
        version.serves == CHAMPION,
        bool(version.serves),
        version.name.endswith("-candidate"),
        version.version,
    )


def _rebuild(workshop: Workshop, use: ModelUse) -> list[str]:
    """Return the command that repeats the run of a version, and what to know; or why there is none.

    The command is for a shell.
    """
    every = list_versions(workshop.registry, use.name)
    (version,) = [one for one in every if one.version == use.version]
    index = candidate_of(version).references.get("model", "")
    if workshop.outputs.with_digest(INDEX, index):
        name = use.name.removesuffix("-candidate").removesuffix("-index")
        return [
            f"paddock index build --source DOCUMENTS && paddock index evaluate --name {name}",
            f"with the source that {use.name} version {use.version} was made of: what is theirs is "
            "left out, and documents that stay are not encoded again",
        ]
    try:
        asked = Registered(workshop, version, "forget").parameters_again()
    except PaddockError as refusal:
        return [str(refusal)]
    lines = [
        shlex.join(command_words("run", asked)),
        f"as {use.name} version {use.version} was made; unchanged shards are found again, the "
        "gates and approvals are as ever",
    ]
    if use.through:
        inherited = " and ".join(name for name in (asked.start, asked.base, asked.teacher) if name)
        lines.append(
            f"it has the rows through its {use.through}: see that {inherited} was rebuilt by then, "
            "or name another"
        )
    return lines
