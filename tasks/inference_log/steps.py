"""Prefect's view of the log: one day sealed, found again if nothing new came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.inference_log.compaction import Redactor
from tasks.inference_log.days import Compacted, DayWork, remove_raw, seal_day
from tasks.storage.outputs import Outputs


@task(name="seal a day of the log", cache_policy=NO_CACHE)
def seal_step(
    outputs: Outputs,
    work: DayWork,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Redactor],
    now: datetime,
    raw_days: int | None,
    progress: Callable[[int], None],
) -> Compacted:
    """Seal a day, then take its raw files away if their time is over."""
    done = seal_day(outputs, work, redaction, build_redactor, progress)
    removed = remove_raw(outputs.store, done.day, now, raw_days)
    return done.model_copy(update={"removed": removed})
