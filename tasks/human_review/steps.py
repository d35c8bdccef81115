"""Prefect's view of review: draw a sample of answers, put it before people, read ratings back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from model_registry.tracking import Registry
from tasks.human_review.rating import Ratings, ReviewQueue, open_review, read_ratings
from tasks.human_review.sample import draw_sample, read_sample
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import SAMPLE


@dataclass(frozen=True)
class Review:
    """The queue of a candidate's answers, and what people have said of them so far."""

    queue: ReviewQueue
    ratings: Ratings

    @property
    def waiting(self) -> int:
        """Return how many answers nobody has rated or declined yet."""
        return self.queue.items - self.ratings.complete - self.ratings.declined


@task(name="sample answers", cache_policy=NO_CACHE)
def sample_step(
    outputs: Outputs,
    scorecard: Reference,
    *,
    items: int,
    seed: int,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
) -> Built:
    """Draw a stratified sample of the answers of a scorecard, redacted, or find it."""

    def make(folder: Path) -> dict[str, int]:
        cases = outputs.fetch(scorecard) / "cases.parquet"
        redact = build_redactor().redact_text
        return draw_sample(cases, folder, redact=redact, size=items, seed=seed)

    inputs = {"scorecard": scorecard.digest}
    parameters = {"items": items, "seed": seed, "redaction": redaction}
    return outputs.build(SAMPLE.of(inputs, parameters), make)


@task(name="review queue", cache_policy=NO_CACHE)
def review_step(registry: Registry, name: str, candidate: str, sample: Path) -> Review:
    """Put a sample into the candidate's review queue and read what people rated already."""
    queue = open_review(registry, name, candidate, read_sample(sample))
    return Review(queue=queue, ratings=read_ratings(registry, name, candidate))
