"""The same runner and rows as ingestion's own tests have."""

from __future__ import annotations

from tests.tasks.ingestion.conftest import patterns, rows, run_ingest, write_jsonl

__all__ = ["patterns", "rows", "run_ingest", "write_jsonl"]
