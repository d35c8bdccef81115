"""Work on shards as stage outputs: a shard that was worked on before, anywhere, is found again.

A job can be sent to another process or machine. What a process loads for it (the redactor, the
evaluation texts) it loads once. Writes the output `ingest-shard` of each shard to the store.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from data_contracts.contracts import DatasetContract
from data_contracts.records import Frozen, Split
from data_contracts.snapshot.row_files import empty
from tasks.ingestion.assembly import WorkedShard
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.limits import Limits
from tasks.ingestion.rules import Flagger, Redactor, RowRules, Tools
from tasks.ingestion.shard_work import forgotten_here, work_on_shard
from tasks.ingestion.sources import Part, Source
from tasks.storage.outputs import Outputs, Reference
from tasks.storage.stages import SHARD

_PROGRESS_SECONDS = 1.0
_LOADING = threading.Lock()
# Limits that say how files are cut, not what becomes of a row.
_CUTS = {"shard_bytes", "shard_rows", "files"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for all shards of an ingestion.

    `build_redactor` and `build_flagger` must have a hash: equal ones are called once a process.
    `redaction` and `flagging` are what decides their results. `evaluation_texts` are (eval set,
    text). `noted` is a folder in which workers note how far they are.
    """

    outputs: Outputs
    contract: DatasetContract
    mapping: Mapping[str, str]
    evaluations: Mapping[str, str]
    evaluation_texts: tuple[tuple[str, str], ...]
    redaction: Mapping[str, Any]
    build_redactor: Callable[[], Redactor]
    flagging: Mapping[str, Any] | None = None
    build_flagger: Callable[[], Flagger] | None = None
    subject_key: bytes = field(default=b"", repr=False)
    forgotten: frozenset[str] = frozenset()
    limits: Limits = Limits()  # noqa: RUF009  (frozen)
    noted: Path | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """Return the digests of the eval sets, as a stage's inputs."""
        return {f"eval set {name}": digest for name, digest in self.evaluations.items()}

    @property
    def parameters(self) -> dict[str, Any]:
        """Return all that decides what becomes of a row by itself."""
        contract, subject = self.contract, self.contract.privacy.subject
        key = hashlib.sha256(b"paddock subject key" + self.subject_key).hexdigest()[:16]
        return {
            "kind": contract.kind,
            "mapping": dict(self.mapping),
            "redaction": dict(self.redaction),
            "flags": dict(self.flagging) if self.flagging else None,
            "label": contract.labels.column if contract.labels else None,
            "time": contract.freshness.column if contract.freshness else None,
            "subject": [subject, key] if subject else None,
            "limits": self.limits.model_dump(exclude=_CUTS),
            **({"synthetic": contract.synthetic} if contract.synthetic else {}),
        }


class Worked(Frozen):
    """A shard's output, where its rows stand in the source, and their role (see `Part`)."""

    source: str
    role: Split | None = None
    first_line: int
    reference: Reference
    rows: int
    reused: bool


class Errand:
    """One shard's work. A plain class: Prefect looks for futures in every part of other values."""

    def __init__(self, job: Job, part: Part, take: int | None = None) -> None:
        self.job, self.part, self.take = job, part, take

    @property
    def name(self) -> str:
        """Return what a person calls this shard."""
        return f"{self.part.name} from line {self.part.first_line}"


class Finished:
    """All shards of a source, worked on; a plain class for the same reason."""

    def __init__(self, job: Job, source: Source, shards: Sequence[Worked]) -> None:
        self.job, self.source, self.shards = job, source, shards


def work(job: Job, part: Part, take: int | None = None) -> Worked:
    """Do a shard's work, or find it done; of its first `take` rows if that is given."""
    rules = RowRules(
        contract=job.contract,
        mapping=job.mapping,
        leaks=_evaluation_texts(job.evaluation_texts),
        subject_key=job.subject_key,
        forgotten=job.forgotten,
        limits=job.limits,
    )
    name = hashlib.sha256(f"{part.name}:{part.first_line}".encode()).hexdigest()[:24]
    scratch = job.outputs.work / "scratch" / name
    # Only they, so that a request to forget leaves shards without rows of that person as they are.
    forgotten = forgotten_here(part, rules, scratch, take)
    parameters = job.parameters | {"forgotten": forgotten, "take": take}

    def make(folder: Path) -> Mapping[str, int]:
        empty(folder)
        with _noting(job.noted, name) as note:
            summary = work_on_shard(part, rules, _tools(job), folder, take, note)
        return {"rows": summary.rows}

    inputs = {"shard": part.identity, **job.inputs}
    built = job.outputs.build(SHARD.of(inputs, parameters), make)
    rows = job.outputs.manifest(built.reference).counts["rows"]
    return Worked(
        source=part.name,
        role=part.role,
        first_line=part.first_line,
        reference=built.reference,
        rows=rows,
        reused=built.reused,
    )


def borrow_all(outputs: Outputs, shards: Iterable[Worked]) -> Generator[WorkedShard]:
    """Yield shards for assembly, one at a time on this machine."""
    for one in shards:
        with outputs.borrow(one.reference) as folder:
            yield WorkedShard(one.source, one.first_line, folder, one.role)


def rows_noted(noted: Path) -> int:
    """Return how many rows the workers on this machine say they have done."""
    done = 0
    for path in noted.glob("*.rows"):
        text = path.read_text(encoding="ascii")
        done += int(text) if text.isdecimal() else 0
    return done


@contextmanager
def _noting(folder: Path | None, name: str) -> Generator[Callable[[int], None]]:
    """Give a function that writes down, now and then, how many rows are done."""
    if folder is None:
        yield lambda done: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.rows"
    last = time.monotonic()

    def note(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_SECONDS:
            last = time.monotonic()
            path.write_text(str(done), encoding="ascii")

    try:
        yield note
    finally:
        path.unlink(missing_ok=True)


def _tools(job: Job) -> Tools:
    with _LOADING:  # of several threads, one loads
        flagger = _built(job.build_flagger) if job.build_flagger else None
        return Tools(_built(job.build_redactor), flagger)


@lru_cache(maxsize=4)
def _built(build: Callable[[], Any]) -> Any:
    return build()


@lru_cache(maxsize=2)
def _evaluation_texts(texts: tuple[tuple[str, str], ...]) -> EvaluationTexts:
    return EvaluationTexts(texts)
