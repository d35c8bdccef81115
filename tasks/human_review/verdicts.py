"""What people said of served answers, each in one value: whether a model may learn them.

Needs a Registry, what asking.py put before people, and the samples it was drawn from. Writes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from data_contracts.records import Frozen
from model_registry.review_queues import Answer, ItemState, find_queue, read_items
from model_registry.tracking import Registry
from tasks.human_review.asking import ITEM_FACT, SAMPLE_FACT, experiment_of, queue_name
from tasks.human_review.counting import own
from tasks.human_review.questions import CORRECTED, HARMFUL, HELPFUL, INVENTED, RIGHT
from tasks.human_review.sample import SERVED, SampledAnswer, read_sample
from tasks.storage.outputs import Outputs
from tasks.storage.stages import SAMPLE

USEFUL = 3.0  # of 5
_GOOD = {RIGHT: True, INVENTED: False, HARMFUL: False}


class ServedVerdict(Frozen):
    """What one look said of an answer; `good` is None where it said neither yes nor no."""

    prompt: str
    answer: str
    good: bool | None = None
    declined: bool = False
    corrected: str = ""


def sampled_answers(outputs: Outputs) -> Callable[[str, str], SampledAnswer | None]:
    """Return what finds an answer by its sample's digest and identity; a sample is read once.

    What an earlier version drew has no such identities.
    """

    @cache
    def sample(digest: str) -> dict[str, SampledAnswer]:
        found = outputs.with_digest(SAMPLE, digest)
        if found is None or outputs.is_of_older_form(found, SAMPLE):
            return {}
        answers = read_sample(outputs.fetch(found))
        return {answer.item: answer for answer in answers}

    return lambda digest, item: sample(digest).get(item)


def served_verdicts(
    registry: Registry, name: str, answer_of: Callable[[str, str], SampledAnswer | None]
) -> list[ServedVerdict]:
    """Return what was said of each served answer, look by look.

    `answer_of` finds an answer by the digest of its sample and its identity.
    """
    experiment = experiment_of(registry, name)
    found: list[ServedVerdict] = []
    for second in (False, True):
        queue = find_queue(registry, experiment, queue_name(served=True, second=second))
        for state in read_items(registry, queue) if queue else []:
            answer = answer_of(state.facts.get(SAMPLE_FACT, ""), state.facts.get(ITEM_FACT, ""))
            if answer is not None and SERVED in answer.models and state.status != "pending":
                found.append(_verdict(answer, state))
    return found


def _verdict(answer: SampledAnswer, state: ItemState) -> ServedVerdict:
    """Return a look's verdict. Whoever finds an answer bad counts, also where no login proves them.

    A correction counts of the person alone who completed the item.
    """
    said = [_is_good(one) for one in state.answers]
    known = [one for one in said if one is not None]
    corrected = [str(one.value).strip() for one in own(state) if one.question == CORRECTED]
    return ServedVerdict(
        prompt=answer.prompt,
        answer=answer.answer,
        good=all(known) if known else None,
        declined=state.status == "declined",
        corrected=corrected[-1] if corrected else "",
    )


def _is_good(answer: Answer) -> bool | None:
    if answer.question == HELPFUL and isinstance(answer.value, int | float):
        return answer.value >= USEFUL
    if answer.question in _GOOD and isinstance(answer.value, bool | int | float):
        return bool(answer.value) is _GOOD[answer.question]
    return None
