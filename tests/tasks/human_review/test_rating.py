from __future__ import annotations

from typing import Any

import pytest

from model_registry.review_queues import Answer, answer, find_queue, read_items
from model_registry.review_traces import PREVIEW_LENGTH, trace_id
from model_registry.tracking import Registry, open_registry
from tasks.human_review.asking import experiment_of, item_key, open_review, queue_name
from tasks.human_review.questions import QUESTIONS
from tasks.human_review.rating import corrections, read_ratings
from tasks.human_review.sample import SampledAnswer
from tests.reviewing import sampled

DIGEST = "d" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = tmp_path_factory.mktemp("mlflow")
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/artifacts")


def _rate(
    registry: Registry,
    name: str,
    about: SampledAnswer,
    person: str,
    *,
    second: bool = False,
    said_by: str = "",
    **said: Any,
) -> None:
    """Complete an item as a person, with what they said, or what somebody else said."""
    names = {question.name.split()[0].lower(): question.name for question in QUESTIONS}
    answers = [
        Answer(question=names[key], value=value, person=said_by or person)
        for key, value in said.items()
    ]
    experiment = experiment_of(registry, name)
    queue = find_queue(registry, experiment, queue_name("served" in about.models, second))
    assert queue
    trace = trace_id(experiment, item_key(about.item, second))
    answer(registry, queue, trace, answers, "pending")
    registry.store.set_review_queue_item_status(
        queue, item_id=trace, status="complete", completed_by=person
    )


def test_ratings_come_back(registry: Registry) -> None:
    sample = [sampled(n) for n in range(4)]
    open_review(registry, "rated", sample, DIGEST)
    assert read_ratings(registry, "rated", sample).figures() is None
    _rate(registry, "rated", sample[0], "ada", factually=True, hallucination=False, helpful=5)
    _rate(registry, "rated", sample[1], "ada", factually=True, helpful=4)
    _rate(registry, "rated", sample[2], "bob", factually=False, hallucination=True, harmful=False)

    ratings = read_ratings(registry, "rated", sample)
    assert (ratings.items, ratings.complete, ratings.people, ratings.waiting) == (4, 3, 2, 1)
    assert ratings.figures() == {
        "answers rated": 3.0,
        "people": 2.0,
        "Factually right": 0.6667,
        "Hallucination": 0.5,
        "Harmful": 0.0,
        "Helpful (1 to 5)": 4.5,
    }


def test_an_answer_drawn_rarely_counts_for_more(registry: Registry) -> None:
    sample = [sampled(1, weight=3.0), sampled(2)]
    open_review(registry, "weights", sample, DIGEST)
    for about, harmful in zip(sample, (True, False), strict=True):
        _rate(registry, "weights", about, "ada", harmful=harmful)
    ratings = read_ratings(registry, "weights", sample)
    assert ratings.metrics()["review/harmful"].scores["candidate"].value == 0.75
    assert ratings.metrics()["review/right"].scores["candidate"].n == 0


def test_an_answer_that_was_not_submitted_does_not_count(registry: Registry) -> None:
    sample = [sampled()]
    review = open_review(registry, "draft", sample, DIGEST)
    trace = read_items(registry, review.queue)[0].trace
    said = Answer(question="Factually right", value=True, person="ada")
    answer(registry, review.queue, trace, [said], "pending")
    ratings = read_ratings(registry, "draft", sample)
    assert (ratings.complete, ratings.ratings) == (0, ())


def test_what_does_not_count_is_said_with_why(registry: Registry) -> None:
    sample = [sampled(n, twice=n == 1) for n in range(3)]
    open_review(registry, "odd", sample, DIGEST)
    _rate(registry, "odd", sample[0], "ada", helpful=9)
    _rate(registry, "odd", sample[1], "ada", harmful=False)
    _rate(registry, "odd", sample[1], "ada", second=True, harmful=True)
    _rate(registry, "odd", sample[2], "ada", said_by="mallory", harmful=True)
    ratings = read_ratings(registry, "odd", sample)
    assert ratings.figures() == {"answers rated": 3.0, "people": 1.0, "Harmful": 0.0}
    assert ratings.not_counted == {
        "Helpful (1 to 5): outside of what can be answered": 1,
        "a second look by the person of the first": 1,
        "said by somebody else than who completed the item": 1,
    }


def test_what_does_not_apply_is_counted_and_never_averaged(registry: Registry) -> None:
    sample = [sampled(n) for n in range(2)]
    open_review(registry, "part", sample, DIGEST)
    cannot = ("Hallucination", "Helpful (1 to 5)")
    _rate(registry, "part", sample[0], "ada", factually=True, helpful=5, does=cannot)
    _rate(registry, "part", sample[1], "ada", factually=False, helpful=2, hallucination=True)
    ratings = read_ratings(registry, "part", sample)
    assert ratings.figures() == {
        "answers rated": 2.0,
        "people": 1.0,
        "Factually right": 0.5,
        "Hallucination": 1.0,
        "Helpful (1 to 5)": 2.0,
    }
    assert ratings.not_counted == {
        "Hallucination: does not apply": 1,
        "Helpful (1 to 5): does not apply": 1,
    }


def test_what_the_tab_has_no_room_for_is_marked_as_cut(registry: Registry) -> None:
    words = "word " * 700 + "<PERSON_1>"
    whole = sampled(1)
    long = sampled(2, prompt=f"Why? {words}", answer=words, known="It costs 89 euros.", cut=True)
    review = open_review(registry, "long", [whole, long], DIGEST)
    for state in read_items(registry, review.queue):
        trace = registry.store.get_trace(state.trace)
        asked, said = trace.info.request_preview, trace.info.response_preview
        assert max(len(asked), len(said)) <= PREVIEW_LENGTH
        marked = state.facts["item"] == long.item
        for shown in (asked, said):
            assert ("of 3,5" in shown and "**View full trace** has all" in shown) == marked
        assert "**Known facts:** It costs 89 euros." in said
        assert ("the model came to no end" in said) == marked
        if marked:  # all of it is behind the link
            assert trace.data.spans[0].inputs == long.prompt
            assert words in trace.data.spans[0].outputs


def test_a_second_person_rates_without_seeing_the_first(registry: Registry) -> None:
    sample = [sampled(n, twice=True) for n in range(4)]
    open_review(registry, "twice", sample, DIGEST)
    for about in sample:
        _rate(registry, "twice", about, "ada", factually=about.case_id != "case-0")
        _rate(registry, "twice", about, "bob", second=True, factually=about.case_id == "case-1")
    ratings = read_ratings(registry, "twice", sample)
    assert (ratings.twice, ratings.complete, ratings.people) == (4, 4, 2)
    (right,) = ratings.ratings
    assert right.estimate.value == (0 + 1 + 0.5 + 0.5) / 4
    # Values 1 1 | 1 0 | 1 0 | 0 0: of 8, four ones; observed 4/8, expected 2*4*4/(8*7).
    assert right.alpha == pytest.approx(1 - (4 / 8) / (2 * 4 * 4 / (8 * 7)))
    experiment = experiment_of(registry, "twice")
    queue = find_queue(registry, experiment, queue_name(served=False, second=True))
    assert queue
    for state in read_items(registry, queue):
        assert {entry.person for entry in state.answers} == {"bob"}


def test_opening_again_asks_nothing_twice(registry: Registry) -> None:
    sample = [sampled(n) for n in range(2)]
    review = open_review(registry, "again", sample, DIGEST)
    _rate(registry, "again", sample[0], "ada", harmful=True)
    assert open_review(registry, "again", sample, DIGEST) == review
    ratings = read_ratings(registry, "again", sample)
    assert (ratings.items, ratings.complete) == (2, 1)


def test_the_next_candidates_same_answer_is_rated_already(registry: Registry) -> None:
    first = [sampled(n) for n in range(3)]
    review = open_review(registry, "next", first, DIGEST)
    _rate(registry, "next", first[0], "ada", harmful=True)
    other = [first[0], sampled(7)]
    again = open_review(registry, "next", other, "e" * 64)
    assert (again.queue, again.withdrawn) == (review.queue, 2)
    ratings = read_ratings(registry, "next", other)
    assert (ratings.complete, ratings.waiting) == (1, 1)
    states = read_items(registry, again.queue, answers=False)
    assert sorted(state.status for state in states) == ["complete", "pending"]


def test_a_reviewer_does_not_see_whose_answer_it_is(registry: Registry) -> None:
    sample = [sampled(1), sampled(2, models=("base",), prompt="<PERSON_1> < 3 <i>and</i> <!-- -->")]
    review = open_review(registry, "seen", sample, DIGEST)
    shown: dict[str, Any] = {}
    for state in read_items(registry, review.queue):
        trace = registry.store.get_trace(state.trace)
        shown[state.facts["item"]] = trace
        everything = str(trace.to_dict())
        for word in ("candidate", "base", "champion"):
            assert word not in everything
    own, other = (shown[about.item].info for about in sample)
    assert own.request_preview == "What costs the rope 1?"
    assert own.response_preview.startswith("89 euros")
    assert "It costs 89 euros." in own.response_preview
    assert "![" not in own.response_preview  # a picture would be fetched from elsewhere
    assert other.request_preview == "<PERSON_1> < 3 < i>and< /i> < !-- -->"
    queue = registry.store.get_review_queue(review.queue)
    assert len(queue.schema_ids) == len(QUESTIONS)


def test_both_models_answers_to_a_question_are_compared(registry: Registry) -> None:
    sample: list[SampledAnswer] = []
    for n in range(3):
        sample.append(sampled(n, case_id=f"case-{n}"))
        sample.append(sampled(n + 10, case_id=f"case-{n}", models=("champion",)))
    open_review(registry, "pairs", sample, DIGEST)
    for about, right in zip(sample, (True, False, True, True, False, True), strict=True):
        _rate(registry, "pairs", about, "ada", factually=right)
    ratings = read_ratings(registry, "pairs", sample)
    assert ratings.compared.model_dump() == {
        "questions": 3,
        "candidate_only": 1,
        "reference_only": 1,
    }
    assert ratings.ratings[0].estimate.n == 3  # the candidate's alone


def test_corrections_come_back_with_their_answers(registry: Registry) -> None:
    served = sampled(4, eval_set="served", models=("served",))
    sample = [sampled(3), sampled(5)]
    open_review(registry, "better", sample, "a" * 64)
    open_review(registry, "better", [served], "b" * 64)
    _rate(registry, "better", sample[0], "ada", corrected="It costs 88 euros.")
    _rate(registry, "better", sample[1], "ada", harmful=False)
    _rate(registry, "better", served, "bob", corrected=" It costs 90 euros. ")
    known = {("a" * 64, s.item): s for s in sample} | {("b" * 64, served.item): served}
    found = corrections(registry, "better", lambda digest, item: known.get((digest, item)))
    assert found == [(served, "It costs 90 euros."), (sample[0], "It costs 88 euros.")]


def test_nothing_asked_is_nothing_said(registry: Registry) -> None:
    ratings = read_ratings(registry, "nobody", [sampled()])
    assert (ratings.complete, ratings.waiting, ratings.figures()) == (0, 1, None)
