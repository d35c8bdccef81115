"""Prefect's view of ingestion: one task a shard, and one that puts the shards together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import ContractError, PaddockError, UnexpectedError
from data_contracts.snapshot.reading import DUPLICATES, QUARANTINE, REPORT, read_report
from tasks.ingestion import jobs
from tasks.ingestion.assembly import REPORT_PAGE, Assembly, assemble
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.ingestion.jobs import Errand, Finished, Job, Worked, borrow_all
from tasks.ingestion.sources import Source
from tasks.storage.drafts import Draft
from tasks.storage.outputs import Built, Outputs
from tasks.storage.stages import REFUSED, SNAPSHOT, Work


def snapshot_work(job: Job, source: Source, max_rows: int | None, released: frozenset[str]) -> Work:
    """Return the work of making a snapshot."""
    parameters = job.parameters | {
        "contract": job.contract.digest,
        "max_rows": max_rows,
        "shard_rows": job.limits.shard_rows,
        "forgotten": sorted(job.forgotten) if job.contract.privacy.subject else [],
        "released": sorted(released),
    }
    return SNAPSHOT.of({"source": source.digest, **job.inputs}, parameters)


def find_snapshot(
    job: Job, source: Source, max_rows: int | None, released: frozenset[str]
) -> Built | None:
    """Return the snapshot if it was made before."""
    found = job.outputs.find(snapshot_work(job, source, max_rows, released))
    return Built(reference=found, reused=True) if found else None


def older_snapshot(outputs: Outputs, source: Source) -> str:
    """Say that an earlier version made a snapshot of the same files, if one did."""
    for reference, made in outputs.every(SNAPSHOT):
        if not SNAPSHOT.is_of_older_form(made.inputs, made.parameters, made.fingerprint):
            continue
        if read_report(outputs.fetch(reference, REPORT)).sources == source.digests:
            return (
                f"snapshot {reference.digest[:16]} of these files is of an older form (made by "
                f"revision {made.code_revision[:12]}): a new one is made, and it stays for the "
                "models that were trained on it"
            )
    return ""


def _may_pass(task: Any, task_run: Any, state: Any) -> bool:
    """Tell whether trying again may help: not where the data or the parameters are at fault."""
    try:
        state.result()
    except UnexpectedError:
        return True
    except PaddockError:
        return False
    except Exception:
        return True
    return False


@task(
    name="ingest-shard",
    task_run_name="ingest-shard {errand.name}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=_may_pass,
)
def shard_step(errand: Errand) -> Worked:
    """Work on one shard, or find it done; if it fails, it alone is tried again."""
    return jobs.work(errand.job, errand.part, errand.take)


@task(name="assemble", cache_policy=NO_CACHE)
def assemble_step(
    finished: Finished,
    *,
    max_rows: int | None,
    released: frozenset[str],
    progress: Callable[[int, int | None], None],
) -> Built:
    """Make the snapshot of shards that were worked on, or find it.

    Where the whole breaks its contract there is none; its quarantine and reports are kept as the
    output `refused`, for people to look into and to release rows from.
    """
    job, source, shards = finished.job, finished.source, finished.shards
    work = snapshot_work(job, source, max_rows, released)
    plan = Assembly(
        contract=job.contract,
        mapping=job.mapping,
        given=source.given,
        sources=source.digests,
        released=released,
        held_out=source.held_out,
        notes=source.notes,
        limits=job.limits,
    )
    rows = sum(shard.rows for shard in shards)

    def make(draft: Draft) -> Mapping[str, int]:
        try:
            report = assemble(
                plan,
                borrow_all(job.outputs, shards),
                draft.folder,
                seal=draft.seal,
                max_rows=max_rows,
                progress=lambda done: progress(done, rows),
            )
        except ContractError as error:
            if not (draft.folder / REPORT).is_file():
                raise
            refused = REFUSED.of(work.inputs, work.parameters)
            kept = job.outputs.build(refused, lambda out: _keep_refused(draft.folder, out))
            raise _with_place(error, kept.reference.digest) from error
        return report.counts()

    return job.outputs.build_sealing(work, make)


def _keep_refused(folder: Path, out: Path) -> Mapping[str, int]:
    for name in (QUARANTINE, DUPLICATES, REPORT, REPORT_PAGE, DATA_DOCS):
        shutil.copyfile(folder / name, out / name)
    return read_report(out).counts()


def _with_place(error: ContractError, digest: str) -> ContractError:
    return ContractError(
        error.what,
        step=error.step,
        where=error.where,
        remedy=f"`paddock quarantine list --snapshot {digest[:16]}` shows what was held back or "
        "dropped as a duplicate, and why: release rows there, repair the source, give more rows, "
        "or set other limits in a contract",
    )
