"""Prefect's view of a batch: one shard answered, or found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch.engine import Engine
from tasks.batch.shards import Asked, Shard, answer_shard
from tasks.inference_log.redacting import Redactor
from tasks.storage.outputs import Built, Outputs


@task(name="answer a shard", cache_policy=NO_CACHE)
def shard_step(
    outputs: Outputs,
    shard: Shard,
    asked: Asked,
    engine: Engine,
    redactor: Callable[[], Redactor | None],
    tell: Callable[[int], None],
) -> Built:
    """Answer a shard of requests, or find its answers."""

    def make(folder: Path) -> dict[str, int]:
        return answer_shard(engine, shard, redactor(), folder, tell)

    return outputs.build(shard.work(asked), make)
