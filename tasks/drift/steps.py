"""Prefect's view of drift: compare one window of the inference log, found again if unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.drift.attribution import Served, of_champion
from tasks.drift.comparison import compare_window
from tasks.drift.decision import WindowResult
from tasks.drift.log import read_window
from tasks.drift.reference import read_reference
from tasks.drift.report import read_report, write_report
from tasks.drift.signals import registry
from tasks.drift.thresholds import Thresholds
from tasks.drift.triggers import record_result
from tasks.models.embedding import load_embedder, packaged_minilm
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import DRIFT

SEED = 7


@task(name="compare a window", cache_policy=NO_CACHE)
def compare_step(
    outputs: Outputs,
    name: str,
    window: str,
    served: Served,
    snapshot: Reference,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
) -> Built:
    """Compare what the champion was asked in a window with what it learned; record the verdict."""
    log = of_champion(read_window(outputs.store, name, window), served)
    thresholds = Thresholds()
    inputs = {"log": log.digest, "snapshot": snapshot.digest}
    parameters = {
        "served": served.model_dump(mode="json"),
        "thresholds": thresholds.model_dump(),
        "signals": {signal.name: signal.threshold for signal in registry.SIGNALS},
        "seed": SEED,
        "redaction": redaction,
    }

    def make(folder: Path) -> dict[str, int]:
        redactor = build_redactor()
        report = compare_window(
            read_reference(outputs.fetch(snapshot)),
            log,
            redact=lambda pairs: [one.texts for one in redactor.redact_records(pairs)],
            embed=load_embedder(packaged_minilm()),
            thresholds=thresholds,
            seed=SEED,
        )
        return write_report(report, folder)

    built = outputs.build(DRIFT.of(inputs, parameters), make)
    status = read_report(outputs.fetch(built.reference)).result.status
    result = WindowResult(window=window, champion=served.digest, status=status)
    record_result(outputs.store, name, result)
    return built
