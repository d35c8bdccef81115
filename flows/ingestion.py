"""`ingest`: raw rows in, a snapshot to train on out; redacted, checked, and traced to its source.

The source is resolved once, when an `Ingestion` begins, and a look at its first rows may refuse it
there; `retrain` begins one before it brings a base model in, and makes the snapshot after it.
The source is cut into shards, each of which is a task: one that fails is tried again alone, and one
that was worked on before, in this source or another, is found again. A last task puts them
together. The result is the same bytes whatever runs the tasks and however the source is cut.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.snapshot.reading import REPORT, SnapshotReport, read_report
from data_contracts.validation import Contract
from flows.asking.flow_runs import run_name
from flows.asking.inputs import IngestInputs, ingest_inputs, ingest_job, look_at, resolve_source
from flows.asking.parameters import IngestParameters
from flows.showing import publishing
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from flows.workshop.runners import same_server, shard_runner
from flows.workshop.settings import Settings, read_settings
from tasks.ingestion.assembly import REPORT_PAGE
from tasks.ingestion.budget import RowBudget
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.ingestion.jobs import Errand, Finished, Job, Worked, rows_noted
from tasks.ingestion.releases import released_rows
from tasks.ingestion.sources import Part, Source, parts
from tasks.ingestion.steps import assemble_step, find_snapshot, older_snapshot, shard_step
from tasks.storage.outputs import Built, Reference

DEFAULTS = IngestParameters()
_QUEUED = 4  # tasks a worker: enough to keep it busy, few enough to stop soon after a failure
_LOOK_SECONDS = 1.0

Tell = Callable[[int, int | None], None]


class Ingested(BaseModel):
    """The snapshot, and whether it was there already; of its shards, how many were."""

    reference: Reference
    reused: bool
    shards: int = 0
    shards_reused: int = 0


def outcome(done: Ingested, report: SnapshotReport) -> str:
    """Return what an ingestion came to, as one sentence; its state in Prefect says so."""
    new = "Nothing new, it stood there already. " if done.reused else ""
    less = [
        f"{n:,} {fate.replace('_', ' ')}"
        for fate, n in report.fates.items()
        if n and fate != "kept"
    ]
    rest = f" ({', '.join(less)})" if less else ""
    return (
        f"{new}Snapshot {done.reference.digest[:16]} has {report.kept:,} of {report.rows_in:,} "
        f"rows{rest}."
    )


def summary(done: Ingested) -> str:
    """Return what a person wants to know of an ingestion, as text."""
    workshop = Workshop(read_settings())
    folder = workshop.outputs.fetch(done.reference, REPORT_PAGE)
    found = "it stood there already" if done.reused else _shards(done.shards)
    if done.shards_reused:
        found += f", {done.shards_reused} of them found again"
    return (
        f"Snapshot {done.reference.digest[:16]} ({found})\n"
        f"{_place(workshop, done)}\n\n"
        f"{(folder / REPORT_PAGE).read_text(encoding='utf-8')}"
    )


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"


def _place(workshop: Workshop, done: Ingested) -> str:
    return f"{workshop.store.uri}/{done.reference.key}"


@flow(name="ingest", flow_run_name=run_name, description=__doc__)
def ingest(parameters: IngestParameters = DEFAULTS) -> State[Ingested]:
    """Make the snapshot of a source, or find it."""
    workshop = Workshop(read_settings())
    done = begin_ingestion(workshop, ingest_inputs(workshop, parameters)).snapshot()
    report = read_report(workshop.outputs.fetch(done.reference, REPORT))
    said = outcome(done, report)
    snapshot = done.reference.digest[:16]
    publishing.publish_page(
        "summary",
        f"# {said}\n\nWhat became of the rows is in the artifacts `snapshot` and `redactions` of "
        f"this run; the page for reading: `{_place(workshop, done)}/{DATA_DOCS}`.",
        "What this run did, and what comes next",
        to_do=f"`paddock finetune --snapshot {snapshot}` tries a training on it; `paddock run` "
        "over the same source makes a candidate.",
    )
    return Completed(message=said, data=done)


def begin_ingestion(workshop: Workshop, inputs: IngestInputs) -> Ingestion:
    """Resolve the source, and refuse here what would be refused after its first rows."""
    source = resolve_source(workshop, inputs)
    for note in source.notes:
        LOGGER.info("  source: %s", note)
    job, released = ingest_job(workshop, inputs), released_rows(workshop.store)
    if found := find_snapshot(job, source, inputs.max_rows, released):
        _require_fresh(job, source, found)
    else:
        if older := older_snapshot(workshop.outputs, source):
            LOGGER.info("  %s", older)
        with _scratch(workshop) as scratch:
            for line in look_at(inputs, job, source, scratch).words():
                LOGGER.info("  %s", line)
    return Ingestion(workshop, inputs, source)


@dataclass(frozen=True)
class Ingestion:
    """An ingestion whose source is resolved: files that change from here on are an error."""

    workshop: Workshop
    inputs: IngestInputs
    source: Source

    def snapshot(self) -> Ingested:
        """Make the snapshot or find it, and publish its pages."""
        with _scratch(self.workshop) as noted:
            done = self._find_or_make(noted)
        folder = self.workshop.outputs.fetch(done.reference, DATA_DOCS, REPORT, REPORT_PAGE)
        publishing.publish_snapshot(folder, f"{_place(self.workshop, done)}/{DATA_DOCS}")
        if warning := read_report(folder).phrases.warning:
            LOGGER.warning("  %s", warning)
        return done

    def _find_or_make(self, noted: Path) -> Ingested:
        source, max_rows = self.source, self.inputs.max_rows
        # Who is forgotten and what is let out is asked as late as can be.
        job = ingest_job(self.workshop, self.inputs, noted)
        released = released_rows(self.workshop.store)
        if found := find_snapshot(job, source, max_rows, released):
            LOGGER.info("  the snapshot of these inputs stands already")
            return Ingested(reference=found.reference, reused=True)
        every = list(parts(source))
        with stage(f"work on {_shards(len(every))}") as tell:
            if max_rows is None:
                shards = _fan_out(self.workshop.settings, job, every, tell)
            else:
                shards = _until_enough(job, every, max_rows, tell)
        with stage("put the shards together") as tell:
            built = assemble_step(
                Finished(job, source, shards), max_rows=max_rows, released=released, progress=tell
            )
        reused = sum(shard.reused for shard in shards)
        return Ingested(
            reference=built.reference, reused=built.reused, shards=len(shards), shards_reused=reused
        )


@contextmanager
def _scratch(workshop: Workshop) -> Generator[Path]:
    """Give a folder's name that nobody else has; whoever needs the folder makes it."""
    folder = workshop.outputs.work / "noted" / uuid4().hex
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fan_out(settings: Settings, job: Job, every: Sequence[Part], tell: Tell) -> list[Worked]:
    """Work on all shards, wherever the settings say, and return them in order."""

    # A flow of its own, for a flow's task runner is chosen before it starts; without parameters,
    # for Prefect would store them.
    @flow(
        name="ingest-shards",
        flow_run_name="shards of the source",
        task_runner=shard_runner(settings),
        validate_parameters=False,
    )
    def shards() -> list[Worked]:
        return _all_worked(job, every, settings.shard_workers * _QUEUED, tell)

    with same_server():
        return shards()


def _all_worked(job: Job, every: Sequence[Part], at_once: int, tell: Tell) -> list[Worked]:
    counts = [part.lines for part in every]
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) else None
    waiting = iter(enumerate(every))
    running: dict[int, Any] = {}
    finished: SimpleQueue[int] = SimpleQueue()
    done: dict[int, Worked] = {}
    while len(done) < len(every):
        for number, part in islice(waiting, at_once - len(running)):
            future = shard_step.submit(Errand(job, part))
            running[number] = future
            future.add_done_callback(lambda _, number=number: finished.put(number))
        for number in _waited_for(finished):
            done[number] = running.pop(number).result()
        noted = rows_noted(job.noted) if job.noted else 0
        tell(sum(worked.rows for worked in done.values()) + noted, total)
    return [done[number] for number in range(len(every))]


def _waited_for(finished: SimpleQueue[int]) -> Iterable[int]:
    """Yield what is finished, after waiting a little for the first."""
    try:
        yield finished.get(timeout=_LOOK_SECONDS)
        while True:
            yield finished.get_nowait()
    except Empty:
        return


def _until_enough(job: Job, every: Sequence[Part], max_rows: int, tell: Tell) -> list[Worked]:
    """Work on one shard after another until there are enough rows."""
    shards: list[Worked] = []
    budget = RowBudget(max_rows)
    for part in every:
        left = budget.room(part.role)
        if not left:
            continue
        take = left if part.lines is None or part.lines > left else None
        shards.append(shard_step(Errand(job, part, take)))
        budget.take(part.role, shards[-1].rows)
        tell(sum(shard.rows for shard in shards), max_rows)
        if budget.is_spent:
            break
    return shards


def _require_fresh(job: Job, source: Source, found: Built) -> None:
    """Hold a snapshot that was found again to what depends on the day."""
    if job.contract.freshness:
        report = read_report(job.outputs.fetch(found.reference, REPORT))
        Contract(job.contract).require_totals(report, source.given)
