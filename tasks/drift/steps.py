"""Prefect's view of drift: compare one window of the inference log, found again if unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.drift.answers import Answers, own_answers, read_answers
from tasks.drift.attribution import Served
from tasks.drift.comparison import compare_window
from tasks.drift.judge import Judge
from tasks.drift.pooling import read_pooled
from tasks.drift.reference import MOST, read_rows, write_reference
from tasks.drift.report import read_report, write_report
from tasks.drift.service.measured import Measured
from tasks.drift.service.signals import SIGNALS as SERVICE
from tasks.drift.signals import registry
from tasks.drift.thresholds import Thresholds
from tasks.drift.triggers import record_result, result_of
from tasks.models.embedding import load_embedder, packaged_minilm
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import DRIFT, DRIFT_REFERENCE

SEED = 7


@task(name="describe the reference", cache_policy=NO_CACHE)
def reference_step(outputs: Outputs, snapshot: Reference) -> Built:
    """Turn what the champion was trained on into numbers a row; found again if it was before."""

    def make(folder: Path) -> dict[str, int]:
        embed = load_embedder(packaged_minilm())
        return write_reference(outputs.fetch(snapshot), embed, folder)

    return outputs.build(DRIFT_REFERENCE.of({"snapshot": snapshot.digest}, {"rows": MOST}), make)


@task(name="describe its own answers", cache_policy=NO_CACHE)
def answers_step(
    outputs: Outputs,
    name: str,
    windows: Sequence[str],
    served: Served,
    reference: Reference,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
) -> Answers | None:
    """Return the champion's answers in its first windows; None while there are too few."""
    return own_answers(
        outputs,
        name,
        windows,
        served,
        reference,
        redaction,
        build_redactor,
        lambda: load_embedder(packaged_minilm()),
    )


def judge_of(outputs: Outputs, reference: Reference) -> Judge:
    """Return a judge that knows the reference; some seconds for one of ten thousand rows."""
    folder = outputs.fetch(reference)
    return Judge(read_rows(folder), read_rows(folder, "held_out"), Thresholds().budget, SEED)


@task(name="compare a window", cache_policy=NO_CACHE)
def compare_step(
    outputs: Outputs,
    name: str,
    window: str,
    before: Sequence[str],
    served: Served,
    reference: Reference,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
    build_judge: Callable[[], Judge],
    answers: Answers | None,
    usual: Mapping[str, Measured],
) -> Built:
    """Compare what the champion was asked in a window with what it learned; record the verdict.

    `before` are the windows that it may take along if it is thin (`pooling.py`), `usual` those that
    its service is compared with (`usual.py`).
    """
    thresholds = Thresholds()
    log = read_pooled(
        outputs.store, name, window, before, served, thresholds.min_rows, thresholds.max_rows
    )
    # Those that the others are compared with are compared with none.
    own = answers if answers and window not in answers.windows else None
    inputs = {"log": log.digest, "reference": reference.digest}
    if own:
        inputs["answers"] = own.rows.digest
    if usual:
        inputs["service"] = _digest(usual)
    parameters = {
        "window": window,
        "since": log.since,
        "served": served.model_dump(mode="json"),
        "thresholds": thresholds.model_dump(),
        "signals": {signal.name: signal.threshold for signal in (*registry.SIGNALS, *SERVICE)},
        "seed": SEED,
        "redaction": redaction,
    }

    def make(folder: Path) -> dict[str, int]:
        redactor = build_redactor()
        report = compare_window(
            read_rows(outputs.fetch(reference)),
            log,
            judge=build_judge,
            redact=lambda pairs: [one.texts for one in redactor.redact_records(pairs)],
            embed=load_embedder(packaged_minilm()),
            thresholds=thresholds,
            answers=read_answers(outputs, own) if own else None,
            answers_known=own is not None,
            usual=usual,
        )
        return write_report(report, folder)

    built = outputs.build(DRIFT.of(inputs, parameters), make)
    report = read_report(outputs.fetch(built.reference))
    record_result(outputs.store, name, result_of(report, served.digest))
    return built


def _digest(usual: Mapping[str, Measured]) -> str:
    told = "".join(f"{label} {one.model_dump_json()}\n" for label, one in sorted(usual.items()))
    return hashlib.sha256(told.encode()).hexdigest()
