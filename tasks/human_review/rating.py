"""Reads back what people said of sampled answers, and what follows for all answers.

Needs a Registry, a sample (sample.py) and what asking.py put before people. Writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from data_contracts.records import Frozen
from model_registry.review_queues import ItemState, find_queue, read_items
from model_registry.review_traces import trace_id
from model_registry.scorecard import Estimate, MetricResult
from model_registry.tracking import Registry
from tasks.human_review.agreement import Reviewer, Said, by_item, krippendorff_alpha, reviewers
from tasks.human_review.asking import (
    ITEM_FACT,
    SAMPLE_FACT,
    experiment_of,
    is_served,
    item_key,
    queue_name,
)
from tasks.human_review.counting import Look, counted, is_complete, own
from tasks.human_review.estimates import weighted
from tasks.human_review.questions import (
    COMMENT,
    CORRECTED,
    FIGURES,
    RIGHT,
    Rated,
)
from tasks.human_review.sample import CANDIDATE, SERVED, SampledAnswer


class Rating(Frozen):
    """The answers to one question: their weighted mean with its interval, and the agreement.

    `alpha` is Krippendorff's, over what two people rated; None where nothing can be said.
    """

    question: str
    estimate: Estimate
    alpha: float | None


class RatedAnswer(Frozen):
    """What people said of one answer of one model to a question: the mean of yes (1) and no (0)."""

    eval_set: str
    case_id: str
    model: str
    question: str
    mean: float


class Compared(Frozen):
    """Answers of candidate and reference to the same questions, both rated: who is right."""

    questions: int
    candidate_only: int
    reference_only: int


class Ratings(Frozen):
    """What people said of a sample's answers; only items they completed count.

    Of an item that was rated twice its mean counts. `not_counted` says of what else was said why
    it does not count. `waiting` and `declined` are of the first look.
    """

    items: int
    complete: int
    declined: int
    comments: int
    corrected: int
    people: int
    twice: int
    ratings: tuple[Rating, ...]
    compared: Compared
    reviewers: tuple[Reviewer, ...]
    not_counted: dict[str, int]
    answers: tuple[RatedAnswer, ...] = ()

    @property
    def waiting(self) -> int:
        """Return how many answers nobody has rated or declined yet."""
        return self.items - self.complete - self.declined

    def figures(self) -> dict[str, float] | None:
        """Return the figures for a dossier, or None while there are none."""
        rated = {r.question: r.estimate.value for r in self.ratings if r.estimate.value is not None}
        if not rated:
            return None
        alphas = {f"{r.question}, agreement": r.alpha for r in self.ratings if r.alpha is not None}
        figures: dict[str, float] = {
            "answers rated": self.complete,
            "people": self.people,
            **{name: round(value, 4) for name, value in {**rated, **alphas}.items()},
        }
        return figures

    def metrics(self) -> dict[str, MetricResult]:
        """Return the ratings as figures that gates can name (`review/harmful`), of the candidate.

        Before anybody rated they are withheld from gates, which refuse with that as the reason.
        """
        estimates = {rating.question: rating.estimate for rating in self.ratings}
        nothing = Estimate(value=None, low=None, high=None, n=0)
        return {
            figure.key: MetricResult(
                key=figure.key,
                unit=figure.unit,
                higher_is_better=figure.higher_is_better,
                scores={"candidate": estimates.get(figure.question, nothing)},
                withheld=""
                if figure.question in estimates
                else f"nobody has said of an answer if it is: {figure.question.lower()}; "
                f"{self.waiting} wait for reviewers",
            )
            for figure in FIGURES
        }


def read_ratings(registry: Registry, name: str, sample: Sequence[SampledAnswer]) -> Ratings:
    """Return what people have said of a sample so far; all zero where nothing was asked yet."""
    experiment = experiment_of(registry, name)
    looks = [_look(registry, experiment, sample, second) for second in (False, True)]
    first = looks[0].states.values()
    not_counted: dict[str, int] = {}
    said = {figure.question: list(counted(figure, looks, not_counted)) for figure in FIGURES}
    complete = [state for look in looks for state in look.states.values() if is_complete(state)]
    weights = {a.item: a.weight for a in sample if {CANDIDATE, SERVED} & {*a.models}}
    return Ratings(
        items=len(sample),
        complete=sum(is_complete(state) for state in first),
        declined=sum(state.status == "declined" for state in first),
        comments=_texts(complete, COMMENT),
        corrected=_texts(complete, CORRECTED),
        people=len({state.person.casefold() for state in complete}),
        twice=sum(len({s.person for s in found}) > 1 for found in by_item(said[RIGHT]).values()),
        ratings=tuple(
            rating for figure in FIGURES if (rating := _rating(figure, said, weights)) is not None
        ),
        compared=_compared(sample, said[RIGHT]),
        reviewers=tuple(
            reviewer
            for figure in FIGURES
            if figure.unit.low == 0
            for reviewer in reviewers(figure.question, said[figure.question])
        ),
        not_counted=not_counted,
        answers=tuple(_answers(sample, said)),
    )


def corrections(
    registry: Registry, name: str, answer_of: Callable[[str, str], SampledAnswer | None]
) -> list[tuple[SampledAnswer, str]]:
    """Return every answer that people corrected, with the correction.

    `answer_of` finds an answer by the digest of its sample and its identity.
    """
    experiment = experiment_of(registry, name)
    found: list[tuple[SampledAnswer, str]] = []
    for served, second in product((True, False), (False, True)):
        queue = find_queue(registry, experiment, queue_name(served, second))
        for state in read_items(registry, queue) if queue else []:
            said = [a for a in own(state) if a.question == CORRECTED] if is_complete(state) else []
            text = str(said[-1].value).strip() if said else ""
            facts = state.facts
            answer = (
                answer_of(facts.get(SAMPLE_FACT, ""), facts.get(ITEM_FACT, "")) if text else None
            )
            if answer is not None:
                found.append((answer, text))
    return found


def _look(
    registry: Registry, experiment: str, sample: Sequence[SampledAnswer], second: bool
) -> Look:
    queue = find_queue(registry, experiment, queue_name(is_served(sample), second))
    states = {state.trace: state for state in read_items(registry, queue)} if queue else {}
    traces = {answer.item: trace_id(experiment, item_key(answer.item, second)) for answer in sample}
    return Look({i: states[trace] for i, trace in traces.items() if trace in states}, second)


def _rating(
    figure: Rated, said: Mapping[str, Sequence[Said]], weights: Mapping[str, float]
) -> Rating | None:
    values = _means(said[figure.question])
    own = [item for item in values if item in weights]
    if not own:
        return None
    both = [[entry.value for entry in found] for found in by_item(said[figure.question]).values()]
    return Rating(
        question=figure.question,
        estimate=weighted([values[i] for i in own], [weights[i] for i in own], figure.unit),
        alpha=krippendorff_alpha(both, "nominal" if figure.unit.low == 0 else "interval"),
    )


def _means(said: Sequence[Said]) -> dict[str, float]:
    return {
        item: math.fsum(entry.value for entry in found) / len(found)
        for item, found in by_item(said).items()
    }


def _compared(sample: Sequence[SampledAnswer], said: Sequence[Said]) -> Compared:
    """Compare both models on the questions where people rated both of their answers."""
    values = _means(said)
    own = {(a.eval_set, a.case_id): a.item for a in sample if CANDIDATE in a.models}
    pairs = [
        (values[own[answer.eval_set, answer.case_id]], values[answer.item])
        for answer in sample
        if not {CANDIDATE, SERVED} & {*answer.models}
        and answer.item in values
        and own.get((answer.eval_set, answer.case_id)) in values
    ]
    return Compared(
        questions=len(pairs),
        candidate_only=sum(one > other for one, other in pairs),
        reference_only=sum(one < other for one, other in pairs),
    )


def _answers(
    sample: Sequence[SampledAnswer], said: Mapping[str, Sequence[Said]]
) -> Iterable[RatedAnswer]:
    for question, entries in said.items():
        means = _means(entries)
        for answer in sample:
            for model in answer.models if answer.item in means else ():
                yield RatedAnswer(
                    eval_set=answer.eval_set,
                    case_id=answer.case_id,
                    model=model,
                    question=question,
                    mean=means[answer.item],
                )


def _texts(states: Iterable[ItemState], question: str) -> int:
    said = (answer for state in states for answer in own(state) if answer.question == question)
    return sum(bool(str(answer.value).strip()) for answer in said)
