"""Puts sampled answers before people in MLflow's Review tab.

Needs a Registry and a sample (sample.py). Writes traces and two review queues into the experiment
`<name>-review`: one where every answer is rated once, and one where a part of them is rated by a
second person. Nothing there tells which model answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.records import Frozen
from model_registry.review_queues import attach, ensure_queue, read_items, remove_items
from model_registry.review_traces import (
    PREVIEW_LENGTH,
    Item,
    harmless,
    marked_cut,
    trace_id,
)
from model_registry.tracking import Registry
from tasks.human_review.questions import QUESTIONS
from tasks.human_review.sample import SERVED, SampledAnswer

_SECOND = ", second look"
SAMPLE_FACT, ITEM_FACT = "sample", "item"
_BETWEEN = "\n\n---\n\n"
_UNFINISHED = "*(the model came to no end: its answer stops at its limit of tokens)*"


class ReviewQueue(Frozen):
    """A queue of answers to rate, and where it lies in MLflow's web pages.

    `withdrawn` counts the answers of earlier samples that nobody had rated: they are asked no more.
    """

    experiment: str
    queue: str
    name: str
    items: int
    withdrawn: int = 0

    def page(self, server: str) -> str:
        """Return the address of the queue in the Review tab of a server."""
        return (
            f"{server.rstrip('/')}/#/experiments/{self.experiment}/review-queue"
            f"?selectedQueueId={self.queue}"
        )


def open_review(
    registry: Registry,
    name: str,
    sample: Sequence[SampledAnswer],
    digest: str,
    people: Sequence[str] = (),
) -> ReviewQueue:
    """Put a sample (by its output's digest) into the queues; again is harmless. `people` sit there.

    An answer that was asked about before, for whichever model gave it, is not asked about again.
    What earlier samples asked and nobody rated is taken out: it would be rated for nothing.
    """
    experiment = experiment_of(registry, name)
    withdrawn, queues, served = 0, list[str](), is_served(sample)
    for second in (False, True):
        asked = [answer for answer in sample if answer.twice or not second]
        queue = ensure_queue(registry, experiment, queue_name(served, second), QUESTIONS, people)
        items = [_item(answer, digest, second) for answer in asked]
        withdrawn += _withdraw(registry, experiment, queue, items)
        attach(registry, experiment, queue, items)
        queues.append(queue)
    return ReviewQueue(
        experiment=experiment,
        queue=queues[0],
        name=queue_name(served, second=False),
        items=len(sample),
        withdrawn=withdrawn,
    )


def experiment_of(registry: Registry, name: str) -> str:
    """Return the id of the experiment in which a model's answers are rated."""
    return registry.experiment(f"{name}-review", reviewable=True)


def is_served(sample: Sequence[SampledAnswer]) -> bool:
    """Tell whether a sample is of served answers."""
    return any(SERVED in answer.models for answer in sample)


def queue_name(served: bool, second: bool) -> str:
    """Return the name of the queue of a first or second look."""
    return f"{'Served answers' if served else 'Answers'}{_SECOND if second else ''}"


def item_key(item: str, second: bool) -> str:
    """Return a trace's key: a second look is another trace, which does not show the first one's."""
    return f"answer {item}{_SECOND if second else ''}"


def _withdraw(registry: Registry, experiment: str, queue: str, items: Sequence[Item]) -> int:
    wanted = {trace_id(experiment, item.key) for item in items}
    states = read_items(registry, queue, answers=False)
    gone = [s.trace for s in states if s.status == "pending" and s.trace not in wanted]
    remove_items(registry, queue, gone)
    return len(gone)


def _item(answer: SampledAnswer, digest: str, second: bool) -> Item:
    """Return what a reviewer sees: the question and one answer, with what is known to be right.

    What the Review tab has no room for is marked as cut there; the known facts are there always.
    """
    said = harmless(answer.answer) or "*(no answer)*"
    ended = _UNFINISHED if answer.cut else ""
    known = f"**Known facts:** {harmless(answer.known)}" if answer.known else ""
    facts = marked_cut(known, PREVIEW_LENGTH // 2)
    room = PREVIEW_LENGTH - len(facts) - len(ended) - 2 * len(_BETWEEN)
    request = harmless(answer.prompt)
    return Item(
        key=item_key(answer.item, second),
        title=f"{answer.eval_set} {answer.case_id}",
        request=request,
        asked=marked_cut(request, PREVIEW_LENGTH),
        response=_BETWEEN.join(filter(None, (said, ended, known))),
        summary=_BETWEEN.join(filter(None, (marked_cut(said, room), ended, facts))),
        facts={ITEM_FACT: answer.item, SAMPLE_FACT: digest},
    )
