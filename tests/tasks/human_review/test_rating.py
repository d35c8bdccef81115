from __future__ import annotations

from pathlib import Path

import pytest

from model_registry.review_queues import Answer, answer, read_items
from model_registry.tracking import Registry, open_registry
from tasks.human_review.rating import (
    QUESTIONS,
    ReviewQueue,
    open_review,
    read_ratings,
)
from tasks.human_review.sample import SampledCase

DIGEST = "c" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = tmp_path_factory.mktemp("mlflow")
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/artifacts")


def _sample(count: int) -> list[SampledCase]:
    return [
        SampledCase(
            eval_set="facts",
            case_id=f"case-{number}",
            system="",
            prompt=f"What costs the rope {number}?",
            known="It costs 89 euros.",
            answer="89 euros ![x](http://elsewhere.example/p.png)",
            compared="base",
            other="I do not know.",
            scores={"accuracy": 1.0, "abstention": None},
            disagrees=True,
        )
        for number in range(count)
    ]


def _rate(
    registry: Registry, review: ReviewQueue, index: int, person: str, **said: float | bool
) -> None:
    names = {question.name.split()[0].lower(): question.name for question in QUESTIONS}
    answers = [
        Answer(question=names[key], value=value, person=person) for key, value in said.items()
    ]
    trace = read_items(registry, review.queue, answers=False)[index].trace
    answer(registry, review.queue, trace, answers, "complete")


def test_ratings_come_back(registry: Registry, tmp_path: Path) -> None:
    review = open_review(registry, "rated", DIGEST, _sample(4))
    assert read_ratings(registry, "rated", DIGEST).figures() is None
    _rate(registry, review, 0, "ada", factually=True, hallucination=False, helpful=5)
    _rate(registry, review, 1, "ada", factually=True, helpful=4)
    _rate(registry, review, 2, "bob", factually=False, hallucination=True, harmful=False)

    ratings = read_ratings(registry, "rated", DIGEST)
    assert (ratings.items, ratings.complete, ratings.people) == (4, 3, 2)
    assert ratings.figures() == {
        "answers rated": 3.0,
        "people": 2.0,
        "Factually right": 0.6667,
        "Hallucination": 0.5,
        "Harmful": 0.0,
        "Helpful (1 to 5)": 4.5,
    }


def test_an_answer_that_was_not_submitted_does_not_count(registry: Registry) -> None:
    review = open_review(registry, "draft", DIGEST, _sample(1))
    trace = read_items(registry, review.queue)[0].trace
    said = Answer(question="Factually right", value=True, person="ada")
    answer(registry, review.queue, trace, [said], "pending")
    ratings = read_ratings(registry, "draft", DIGEST)
    assert (ratings.complete, ratings.ratings) == (0, ())


def test_opening_again_keeps_what_was_said(registry: Registry) -> None:
    review = open_review(registry, "again", DIGEST, _sample(2))
    _rate(registry, review, 0, "ada", harmful=True)
    assert open_review(registry, "again", DIGEST, _sample(2)) == review
    ratings = read_ratings(registry, "again", DIGEST)
    assert (ratings.items, ratings.complete) == (2, 1)
    other = open_review(registry, "again", "d" * 64, _sample(2))
    assert other.queue != review.queue
    assert read_ratings(registry, "again", "d" * 64).complete == 0


def test_what_a_reviewer_sees(registry: Registry) -> None:
    review = open_review(registry, "seen", DIGEST, _sample(1))
    trace = registry.store.get_trace(read_items(registry, review.queue)[0].trace)
    assert trace.info.request_preview == "What costs the rope 0?"
    assert trace.info.response_preview.startswith("89 euros")
    assert "I do not know." in trace.info.response_preview
    assert "![" not in trace.info.response_preview  # a picture would be fetched from elsewhere
    assert trace.info.trace_metadata["paddock.case"] == "case-0"
    queue = registry.store.get_review_queue(review.queue)
    assert len(queue.schema_ids) == len(QUESTIONS)


def test_nothing_asked_is_nothing_said(registry: Registry) -> None:
    ratings = read_ratings(registry, "nobody", DIGEST)
    assert (ratings.items, ratings.figures()) == (0, None)
