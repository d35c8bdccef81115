"""What people decided is never lost, and never changed without a word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from data_contracts.errors import ContractError
from model_registry.approval_items import PROMOTE
from model_registry.approvals import read_decision, read_noes, record_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier, read_dossier
from model_registry.promotion import promote
from model_registry.review_queues import Answer, answer, read_items
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from tasks.human_review.asking import open_review
from tasks.human_review.questions import QUESTIONS
from tasks.human_review.rating import read_ratings
from tests.reviewing import sampled

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]


def _rate(registry: Registry, digest: str, cases: int, helpful: float) -> dict[str, float]:
    """Let somebody rate every answer of a sample, and return the figures of all ratings."""
    sample = [sampled(number) for number in range(cases)]
    review = open_review(registry, "desk", sample, digest)
    said = {"yes_no": True, "scale": helpful}
    for item in read_items(registry, review.queue, answers=False):
        if item.status == "pending":
            answers = [
                Answer(question=question.name, value=said[question.kind], person="bob")
                for question in QUESTIONS
                if question.kind in said
            ]
            answer(registry, review.queue, item.trace, answers, "complete")
    figures = read_ratings(registry, "desk", sample).figures()
    assert figures is not None
    return figures


def test_a_candidate_that_people_rated_is_promoted(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    candidate = register(registry, "a")
    figures = _rate(registry, candidate.digest, cases=2, helpful=4.0)
    assert list(figures) != sorted(figures)  # or this shows nothing
    asked = publish(registry, candidate, human_review=figures)
    request_approval(registry, "desk", asked)
    read = read_dossier(registry, candidate, keys)
    record_decision(registry, "desk", read, approve=True, person="ada")
    assert read_decision(registry, "desk", read).state == "approved"
    assert promote(registry, "desk", candidate.version, keys).moved


def test_what_was_shown_in_another_order_still_counts(
    registry: Registry, register: Register, publish: Publish
) -> None:
    """Earlier summaries listed the ratings as they came."""
    dossier = publish(registry, register(registry, "a"), human_review={"b": 1.0, "a": 2.0})
    request = request_approval(registry, "desk", dossier)
    info = registry.store.get_trace_info(request.trace)
    first, second = "- a: 2.0\n", "- b: 1.0\n"
    assert first + second in info.response_preview
    info.response_preview = info.response_preview.replace(first + second, second + first)
    registry.store.start_trace(info)
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    assert read_decision(registry, "desk", dossier).state == "approved"


def test_a_no_stands_when_nothing_new_is_known(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate)
    request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=False, person="ada", reason="it guesses")
    again = publish(registry, candidate, declined_before=_noes(registry, candidate))
    assert again == dossier
    decision = request_approval(registry, "desk", again).decision
    assert decision.state == "declined"
    assert "by ada on 20" in decision.reason
    assert "it guesses" in decision.reason


def test_new_ratings_ask_again_and_tell_of_the_no(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    candidate = register(registry, "a")
    first = publish(registry, candidate)
    request_approval(registry, "desk", first)
    why = "it invents prices | ![x](http://elsewhere.example)\nand dates"
    record_decision(registry, "desk", first, approve=False, person="ada", reason=why)
    rated = {"human_review": _rate(registry, candidate.digest, cases=1, helpful=5.0)}
    second = publish(registry, candidate, declined_before=_noes(registry, candidate), **rated)
    request = request_approval(registry, "desk", second)
    assert request.decision.state == "pending"
    info = registry.store.get_trace_info(request.trace)
    no = "it invents prices / ! [x](http://elsewhere.example) and dates"
    assert "**declined before** by ada on 20" in info.response_preview
    assert no in info.response_preview
    assert no in registry.store.get_trace(request.trace).data.spans[0].outputs
    read = read_dossier(registry, candidate, keys)
    record_decision(registry, "desk", read, approve=True, person="bob")
    assert promote(registry, "desk", candidate.version, keys).moved


def test_a_no_that_a_dossier_does_not_tell_of_stands(
    registry: Registry, register: Register, publish: Publish
) -> None:
    """Said to the old item after the new dossier was made, or before dossiers told of it."""
    candidate = register(registry, "a")
    first = publish(registry, candidate)
    request = request_approval(registry, "desk", first)
    second = publish(registry, candidate, human_review={"helpful": 4.0})
    record_decision(registry, "desk", first, approve=False, person="ada", reason="wait")
    decision = request_approval(registry, "desk", second).decision
    assert decision.state == "declined"
    assert "no to an earlier dossier" in decision.reason
    with pytest.raises(ContractError, match="declined already"):
        record_decision(registry, "desk", second, approve=True, person="bob")
    registry.store.set_review_queue_item_status(
        request.queues["release"], item_id=request.trace, status="pending"
    )
    assert read_decision(registry, "desk", second).state == "pending"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_the_first_decision_is_final(
    registry: Registry, register: Register, publish: Publish, first: bool, second: bool
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=first, person="ada", reason="seen")
    before = read_decision(registry, "desk", dossier)
    word = "approved" if first else "declined"
    with pytest.raises(ContractError, match=f"it is {word} already: .*ada"):
        record_decision(registry, "desk", dossier, approve=second, person="bob")
    assert read_decision(registry, "desk", dossier) == before


def test_who_takes_a_no_back_may_say_yes(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=False, person="ada")
    queue = request.queues["release"]
    registry.store.set_review_queue_item_status(queue, item_id=request.trace, status="pending")
    with pytest.raises(ContractError, match="does not count: ada answered with Do not promote"):
        record_decision(registry, "desk", dossier, approve=True, person="bob")
    registry.store.set_review_queue_item_status(queue, item_id=request.trace, status="pending")
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    assert read_decision(registry, "desk", dossier).state == "approved"


def test_a_deleted_trace_is_no_yes_and_can_be_asked_again(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    registry.client.delete_traces(request.experiment, trace_ids=[request.trace])
    assert read_decision(registry, "desk", dossier).state == "pending"
    assert request_approval(registry, "desk", dossier).decision.state == "pending"
    (item,) = read_items(registry, request.queues["release"])
    assert [said.question for said in item.answers if said.question == PROMOTE.name] == []


def _noes(registry: Registry, candidate: Candidate) -> list[object]:
    subject = f"{candidate.name} version {candidate.version}"
    return list(read_noes(registry, candidate.model, subject))
