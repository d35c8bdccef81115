from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import ContractError, IntegrityError
from model_registry.approval_items import PROMOTE, items_of
from model_registry.approvals import promotions, read_decision, record_decision, request_approval
from model_registry.candidates import Candidate, find_candidate
from model_registry.dossier import Dossier, dossier_markdown, publish_dossier, read_dossier
from model_registry.gates import judge
from model_registry.policy import load_policy
from model_registry.review_queues import Answer, Question, answer, attach, ensure_queue, read_items
from model_registry.review_traces import PREVIEW_LENGTH, Item, write_traces
from model_registry.scorecard import Scorecard
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]


def test_dossier_is_signed_kept_and_tagged(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate)
    assert read_dossier(registry, candidate, keys) == dossier
    assert publish(registry, candidate) == dossier  # later, with the same evidence
    tags = find_candidate(registry, "desk", candidate.version).tags
    assert tags["paddock.verdict"] == "passed"
    assert tags["paddock.dossier"] == dossier.identity
    entry = registry.client.get_model_version(candidate.name, "1")
    assert "**PASSED**" in entry.description


def test_other_evidence_or_expiry_makes_another_dossier(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    then = datetime(2026, 1, 1, tzinfo=UTC)
    first = publish(registry, candidate, now=then)
    assert publish(registry, candidate, now=then + timedelta(days=1)) == first
    renewed = publish(registry, candidate, now=then + timedelta(days=15))
    rated = publish(
        registry, candidate, now=then + timedelta(days=16), human_review={"helpful": 4.5}
    )
    assert len({first.identity, renewed.identity, rated.identity}) == 3


def test_a_dossier_changed_in_the_store_is_refused(
    registry: Registry,
    register: Register,
    publish: Publish,
    keys: SigningKeys,
    on_disk: Callable[[str], Path],
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate)
    root = on_disk(registry.artifact_uri(candidate.run))
    place = root / "dossiers" / dossier.identity[:16] / "content" / "dossier.json"
    place.write_text(place.read_text().replace('"passed":true', '"passed":false'))
    with pytest.raises(IntegrityError):
        read_dossier(registry, candidate, keys)


def test_a_dossier_of_another_candidate_is_refused(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    good, bad = register(registry, "good"), register(registry, "bad")
    dossier = publish(registry, good)
    place = f"dossiers/{dossier.identity[:16]}"
    with registry.downloaded(registry.artifact_uri(good.run, place)) as folder:
        registry.upload(bad.run, folder, place)
    registry.client.set_model_version_tag(bad.name, "2", "paddock.dossier", dossier.identity)
    with pytest.raises(IntegrityError, match="not the one this version names"):
        read_dossier(registry, bad, keys)


def test_a_scorecard_of_another_model_is_refused(
    registry: Registry,
    register: Register,
    publish: Publish,
    make_scorecard: Callable[..., Scorecard],
    keys: SigningKeys,
) -> None:
    candidate = register(registry, "a")
    with pytest.raises(ContractError, match="another champion"):
        publish(registry, candidate, champion="model-x")
    assert publish(registry, candidate).champion is None
    with pytest.raises(ContractError, match="no dossier"):
        read_dossier(registry, register(registry, "b"), keys)
    other = candidate.model_copy(update={"references": {"model": "model-b"}})
    about_a = make_scorecard("model-a")
    with pytest.raises(ContractError, match="another candidate"):
        publish_dossier(
            registry,
            other,
            about_a,
            "s" * 64,
            judge(load_policy("demo"), about_a),
            keys,
            code_revision="r1",
            page=lambda _: "",
        )


@pytest.mark.parametrize("approve", [True, False])
def test_a_person_decides(
    registry: Registry, register: Register, publish: Publish, approve: bool
) -> None:
    dossier = publish(registry, register(registry, "a"))
    assert read_decision(registry, "desk", dossier).state == "pending"
    request = request_approval(registry, "desk", dossier)
    assert request_approval(registry, "desk", dossier) == request
    assert read_decision(registry, "desk", dossier).state == "pending"
    record_decision(registry, "desk", dossier, approve=approve, person="Ada", reason="seen")
    decision = read_decision(registry, "desk", dossier)
    assert decision.state == ("approved" if approve else "declined")
    assert decision.seats[0].person == "ada"
    assert decision.seats[0].at.startswith("20")


def test_the_item_says_what_is_asked_within_what_the_tab_shows(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    info = registry.store.get_trace_info(request.trace)
    assert dossier.identity[:16] in info.request_preview
    assert "0.800 [0.700, 0.900]" in info.response_preview
    assert len(info.response_preview) <= PREVIEW_LENGTH
    assert request.queues["release"] in request.page("http://server")


def test_submitting_a_no_is_a_no(registry: Registry, register: Register, publish: Publish) -> None:
    """The Review tab completes an item whatever was answered."""
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    said = Answer(question=PROMOTE.name, value=False, person="ada")
    answer(registry, request.queues["release"], request.trace, [said], "complete")
    assert read_decision(registry, "desk", dossier).state == "declined"


def test_completing_without_an_answer_of_ones_own_is_no_yes(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    queue = request.queues["release"]
    said = Answer(question=PROMOTE.name, value=True, person="eve")
    answer(registry, queue, request.trace, [said], "pending")
    registry.store.set_review_queue_item_status(
        queue, item_id=request.trace, status="complete", completed_by="ada"
    )
    decision = read_decision(registry, "desk", dossier)
    assert decision.state == "pending"
    assert "without an answer" in decision.reason


def test_a_no_beside_a_yes_is_a_no(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    said = [
        Answer(question=PROMOTE.name, value=True, person="ada"),
        Answer(question=PROMOTE.name, value=False, person="bob"),
    ]
    answer(registry, request.queues["release"], request.trace, said, "complete")
    assert read_decision(registry, "desk", dossier).state == "declined"


def test_what_nobody_answered_about_an_earlier_dossier_is_asked_no_more(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate, other = register(registry, "a"), register(registry, "b")
    first = publish(registry, candidate)
    asked = request_approval(registry, "desk", first)
    elsewhere = request_approval(registry, "desk", publish(registry, other))
    (queue,) = asked.queues.values()
    rated = publish(registry, candidate, human_review={"helpful": 4.5})
    again = request_approval(registry, "desk", rated)
    waiting = {state.trace for state in read_items(registry, queue)}
    assert waiting == {elsewhere.trace, again.trace}
    record_decision(registry, "desk", rated, approve=False, person="Ada", reason="too dear")
    renewed = publish(registry, candidate, human_review={"helpful": 4.0})
    decision = request_approval(registry, "desk", renewed).decision
    assert decision.state == "declined"
    assert again.trace in {state.trace for state in read_items(registry, queue)}


def test_an_approval_does_not_carry_to_another_dossier(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    first = publish(registry, candidate)
    request_approval(registry, "desk", first)
    record_decision(registry, "desk", first, approve=True, person="ada")
    second = publish(registry, candidate, human_review={"harmful": 0.5})
    request_approval(registry, "desk", second)
    assert read_decision(registry, "desk", first).state == "approved"
    assert read_decision(registry, "desk", second).state == "pending"


def test_nobody_is_told_that_nobody_rated_without_when(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    info = registry.store.get_trace_info(request_approval(registry, "desk", dossier).trace)
    when = dossier.created[:16].replace("T", " ")
    assert f"human review: nobody had rated its answers at {when} UTC" in info.response_preview
    assert f"nobody had rated its answers at {when} UTC" in dossier_markdown(dossier)
    rated = publish(registry, register(registry, "a"), human_review={"Harmful": 0.5})
    info = registry.store.get_trace_info(request_approval(registry, "desk", rated).trace)
    assert "- Harmful: 0.5" in info.response_preview and "nobody" not in info.response_preview


def test_what_an_earlier_build_asked_is_decided_as_it_was_shown(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "older"))
    _, older = items_of(dossier)
    assert "human review: none yet" in older.summary
    request_approval(registry, "desk", dossier)
    write_traces(registry, promotions(registry, "desk"), [older])
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    assert read_decision(registry, "desk", dossier).state == "approved"


def test_a_trace_changed_after_it_was_written_is_refused(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    info = registry.store.get_trace_info(request.trace)
    info.response_preview = "Everything is fine."
    registry.store.start_trace(info)
    with pytest.raises(IntegrityError, match="what people were shown"):
        read_decision(registry, "desk", dossier)


def test_two_seats_need_two_people(
    registry: Registry, register: Register, publish: Publish
) -> None:
    seats = ("quality", "safety")
    dossier = publish(registry, register(registry, "a"))
    request = request_approval(registry, "desk", dossier, seats=seats)
    assert set(request.queues) == set(seats)

    def decide(seat: str, person: str) -> str:
        record_decision(registry, "desk", dossier, approve=True, person=person, seat=seat)
        return read_decision(registry, "desk", dossier, seats=seats).state

    assert decide("quality", "ada") == "pending"
    assert decide("safety", "Ada") == "pending"
    registry.store.set_review_queue_item_status(
        request.queues["safety"], item_id=request.trace, status="pending"
    )
    assert decide("safety", "bob") == "approved"


def test_other_people_may_take_a_seat(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"))
    for seated in (["ada"], ["bob", "eve"], []):
        request = request_approval(registry, "desk", dossier, people={"release": seated})
    users = registry.store.get_review_queue(request.queues["release"]).users
    assert sorted(users) == ["bob", "eve"]


def test_what_gates_refused_is_not_asked(
    registry: Registry, register: Register, publish: Publish
) -> None:
    dossier = publish(registry, register(registry, "a"), accuracy=0.5)
    assert not dossier.verdict.passed
    with pytest.raises(ContractError, match="gates refused"):
        request_approval(registry, "desk", dossier)
    with pytest.raises(ContractError, match="nothing was asked"):
        record_decision(registry, "desk", dossier, approve=True, person="ada")


def test_a_queue_is_read_to_its_end(registry: Registry) -> None:
    experiment = registry.experiment("many", reviewable=True)
    question = Question(name="ok", kind="yes_no", instruction="?")
    queue = ensure_queue(registry, experiment, "q", [question])
    items = [Item(key=f"k{n}", title="t", request="r", response="s") for n in range(205)]
    assert len(set(attach(registry, experiment, queue, items))) == 205
    attach(registry, experiment, queue, items)
    assert len(read_items(registry, queue, answers=False)) == 205
