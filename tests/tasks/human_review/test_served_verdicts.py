from __future__ import annotations

from typing import Any

import pytest

from model_registry.review_queues import Answer, Status, answer, find_queue
from model_registry.review_traces import trace_id
from model_registry.tracking import Registry, open_registry
from tasks.human_review.asking import experiment_of, item_key, open_review, queue_name
from tasks.human_review.questions import CORRECTED, HARMFUL, HELPFUL, RIGHT
from tasks.human_review.sample import SampledAnswer
from tasks.human_review.verdicts import ServedVerdict, served_verdicts
from tests.reviewing import sampled

DIGEST = "d" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = tmp_path_factory.mktemp("mlflow")
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/artifacts")


def _say(
    registry: Registry, about: SampledAnswer, said: dict[str, Any], *, status: Status = "complete",
    second: bool = False,
) -> None:  # fmt: skip
    experiment = experiment_of(registry, "desk")
    queue = find_queue(registry, experiment, queue_name(served=True, second=second))
    answers = [Answer(question=key, value=value, person="ada") for key, value in said.items()]
    answer(
        registry, queue or "", trace_id(experiment, item_key(about.item, second)), answers, status
    )


def _verdicts(registry: Registry, sample: list[SampledAnswer]) -> list[ServedVerdict]:
    known = {one.item: one for one in sample}
    return served_verdicts(
        registry, "desk", lambda digest, item: known.get(item) if digest == DIGEST else None
    )


def test_what_people_said_of_served_answers_is_a_verdict_each(registry: Registry) -> None:
    twice = [True, *[False] * 6]
    sample = [
        sampled(n, models=("served",), twice=both, prompt=f"Question {n}?", answer=f"Answer {n}.")
        for n, both in enumerate(twice)
    ]
    assert _verdicts(registry, sample) == []
    open_review(registry, "desk", sample, DIGEST)
    assert _verdicts(registry, sample) == []
    _say(registry, sample[0], {RIGHT: True, HELPFUL: 4.0, HARMFUL: False})
    _say(registry, sample[0], {RIGHT: False}, second=True)
    _say(registry, sample[1], {HELPFUL: 2.0})
    _say(registry, sample[2], {RIGHT: True, CORRECTED: " Better. "})
    _say(registry, sample[3], {HARMFUL: True, RIGHT: True})
    _say(registry, sample[4], {}, status="declined")
    _say(registry, sample[5], {CORRECTED: "Only this."})
    found = _verdicts(registry, sample)
    said = {(one.prompt, one.good, one.declined, one.corrected) for one in found}
    assert said == {
        ("Question 0?", True, False, ""),
        ("Question 0?", False, False, ""),
        ("Question 1?", False, False, ""),
        ("Question 2?", True, False, "Better."),
        ("Question 3?", False, False, ""),
        ("Question 4?", None, True, ""),
        ("Question 5?", None, False, "Only this."),
    }
