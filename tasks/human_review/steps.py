"""Prefect's view of review: draw a sample of answers, put it before people, read ratings back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from model_registry.accounts.seats import read_seated
from model_registry.tracking import Registry
from tasks.human_review.asking import ReviewQueue, open_review
from tasks.human_review.design import size_for
from tasks.human_review.rating import Ratings, read_ratings
from tasks.human_review.sample import Served, draw_sample, draw_served, read_sample
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import SAMPLE


@dataclass(frozen=True)
class Review:
    """The queue of a sample's answers, and what people have said of them so far."""

    queue: ReviewQueue
    ratings: Ratings


@dataclass(frozen=True)
class Sampling:
    """How a sample is drawn: its size, or the half width of a share's interval; and redacted."""

    items: int
    half_width: float | None
    seed: int
    redaction: dict[str, Any]
    build_redactor: Callable[[], Any]

    @property
    def most(self) -> int:
        """Return how many answers are drawn at most, of however many."""
        return self.items if self.half_width is None else size_for(self.half_width, sys.maxsize)

    def parameters(self) -> dict[str, Any]:
        """Return what decides the sample, for a fingerprint."""
        size = {"items": self.items} if self.half_width is None else {"width": self.half_width}
        return {**size, "seed": self.seed, "redaction": self.redaction}

    def drawn(self) -> dict[str, Any]:
        """Return what a draw is told; loads the redactor."""
        return {
            "redact": self.build_redactor().redact_text,
            "size": self.items,
            "half_width": self.half_width,
            "seed": self.seed,
        }


@task(name="sample answers", cache_policy=NO_CACHE)
def sample_step(outputs: Outputs, scorecard: Reference, sampling: Sampling) -> Built:
    """Draw a stratified sample of the answers of a scorecard, redacted, or find it."""

    def make(folder: Path) -> dict[str, int]:
        cases = outputs.fetch(scorecard) / "cases.parquet"
        return draw_sample(cases, folder, **sampling.drawn())

    inputs = {"scorecard": scorecard.digest}
    return outputs.build(SAMPLE.of(inputs, sampling.parameters()), make)


@task(name="sample what was served", cache_policy=NO_CACHE)
def served_sample_step(
    outputs: Outputs, digest: str, rows: Sequence[Served], total: int, sampling: Sampling
) -> Built:
    """Draw a random sample of served answers, redacted, or find it.

    `rows` are the first of `total` in the order of drawing, `digest` is of all of them.
    """

    def make(folder: Path) -> dict[str, int]:
        return draw_served(rows, folder, **sampling.drawn(), total=total)

    return outputs.build(SAMPLE.of({"served": digest}, sampling.parameters()), make)


@task(name="review queue", cache_policy=NO_CACHE)
def review_step(registry: Registry, name: str, sample: Reference, folder: Path) -> Review:
    """Put a sample into the review queues and read what people rated already.

    On a server with accounts its reviewers sit in the queues.
    """
    answers = read_sample(folder)
    seated = read_seated(registry, name)
    queue = open_review(registry, name, answers, sample.digest, seated.raters if seated else ())
    return Review(queue=queue, ratings=read_ratings(registry, name, answers))
