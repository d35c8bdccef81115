"""A runner of the whole ingestion without Prefect, and rows to feed it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.snapshot.reading import SnapshotReport
from tasks.ingestion.assembly import Assembly, WorkedShard, assemble
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.early_look import require_usable
from tasks.ingestion.limits import Limits
from tasks.ingestion.rules import RowRules, Tools
from tasks.ingestion.shard_work import work_on_shard
from tasks.ingestion.sources import Source, parts, resolve

Ingest = Callable[..., SnapshotReport]


def ingest(
    source: Source, rules: RowRules, tools: Tools, out: Path, **options: Any
) -> SnapshotReport:
    """Work on every shard and assemble them, as the flow does; remove each shard after its turn."""
    worked = out.with_name(f"{out.name}-shard")
    max_rows = options.get("max_rows")

    def shards() -> Iterator[WorkedShard]:
        for part in parts(source):
            shutil.rmtree(worked, ignore_errors=True)
            worked.mkdir(parents=True)
            work_on_shard(part, rules, tools, worked, max_rows)
            yield WorkedShard(part.name, part.first_line, worked, part.role)

    plan = Assembly(
        contract=rules.contract,
        mapping=rules.mapping,
        given=source.given,
        sources=source.digests,
        released=options.pop("released", frozenset()),
        held_out=source.held_out,
        notes=source.notes,
        limits=rules.limits,
    )
    try:
        return assemble(plan, shards(), out, **options)
    finally:
        shutil.rmtree(worked, ignore_errors=True)


@pytest.fixture
def patterns() -> Any:
    """Return the real redactor without names."""
    from tasks.redaction.engine import build_redactor

    return build_redactor(names=False)


@pytest.fixture
def run_ingest(patterns: Any, tmp_path: Path) -> Ingest:
    """Ingest a path into `tmp_path/out` with the real redactor, names off."""

    def run(source: Path | str, kind: Any = "instruction", **options: Any) -> SnapshotReport:
        limits = options.pop("limits", Limits())
        resolved = resolve(str(source), options.pop("s3_endpoint", None), limits)
        rules = RowRules(
            contract=options.pop("contract", None) or default_contract(kind),
            mapping=options.pop("mapping", {}),
            leaks=EvaluationTexts(("set", text) for text in options.pop("evaluation_texts", [])),
            subject_key=b"key",
            forgotten=options.pop("forgotten", frozenset()),
            limits=limits,
        )
        tools = Tools(options.pop("redactor", patterns))
        redact = tools.redactor.redact_text
        scratch = tmp_path / "look"
        require_usable(resolved, rules.contract, rules.mapping, limits, scratch, redact)
        return ingest(resolved, rules, tools, options.pop("out", tmp_path / "out"), **options)

    return run


@pytest.fixture
def rows() -> list[dict[str, str]]:
    """Return forty different instruction rows."""
    return [{"instruction": f"add {n} and one", "output": f"it is {n + 1}"} for n in range(40)]


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (objects, or raw bytes) as JSON lines."""

    def write(rows: Iterable[Any], name: str = "rows.jsonl") -> Path:
        return jsonl(tmp_path / name, rows)

    return write
