"""One ingestion without Prefect, as the flow does it, in a process that can be measured.

`python -m tests.benchmarks.ingestion.one_run SOURCE STORE WORK` prints a JSON line: seconds of the
work (not of loading), peak memory in bytes, and the report's figures.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.contract_files import default_contract
from data_contracts.snapshot.reading import SnapshotReport, read_report
from tasks.ingestion.flags import build_flagger, flagger_identity
from tasks.ingestion.jobs import Finished, Job, work
from tasks.ingestion.limits import Limits
from tasks.ingestion.sources import parts, resolve
from tasks.ingestion.steps import assemble_step
from tasks.redaction.engine import build_redactor, redactor_identity
from tasks.storage.objects import open_store
from tasks.storage.outputs import Outputs
from tests.benchmarks.ingestion.rows import write_rows

LIMITS = Limits(shard_bytes=1 << 20, shard_rows=2000)

WARM_ROWS = 300


@cache
def patterns() -> Any:
    """Return the redactor without names, whose cost would hide the rest."""
    return build_redactor(names=False)


def make_job(store: str, work: Path, endpoint: str | None) -> Job:
    """Return the job of a data set of documents."""
    contract = default_contract("document")
    rows = contract.rows.model_copy(update={"max": 1 << 40})
    return Job(
        outputs=Outputs(open_store(store, endpoint), work),
        contract=contract.model_copy(update={"rows": rows}),
        mapping={},
        evaluations={},
        evaluation_texts=(),
        redaction=redactor_identity(names=False),
        build_redactor=patterns,
        flagging=flagger_identity(),
        build_flagger=build_flagger,
        limits=LIMITS,
    )


def run(source: str, store: str, work_folder: Path, endpoint: str | None = None) -> SnapshotReport:
    """Ingest a source into a store and return the report."""
    job = make_job(store, work_folder, endpoint)
    resolved = resolve(source, endpoint, LIMITS)
    shards = [work(job, part) for part in parts(resolved)]
    built = assemble_step.fn(
        Finished(job, resolved, shards),
        max_rows=None,
        released=frozenset(),
        progress=lambda done, total: None,
    )
    return read_report(job.outputs.fetch(built.reference, "report.json"))


def main() -> None:
    """Warm up, run, and print what it took."""
    source, store, folder = sys.argv[1:4]
    endpoint = os.environ.get("PADDOCK_S3_ENDPOINT_URL")
    with tempfile.TemporaryDirectory() as warm:
        rows = write_rows(Path(warm) / "rows.jsonl", WARM_ROWS, seed=1)
        run(str(rows), f"{warm}/store", Path(warm) / "work")
    started, used = time.perf_counter(), time.process_time()
    report = run(source, store, Path(folder), endpoint)
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = took | {"peak": peak, "rows": report.rows_in, "kept": report.kept}
    print(json.dumps(figures | {"near": report.near_duplicates}))


if __name__ == "__main__":
    main()
