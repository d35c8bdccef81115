"""With logins, a yes counts from an approver of its seat who did not register the candidate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from data_contracts.errors import ContractError, PaddockError
from flows.measuring.people import people
from flows.servers.decisions import decisions, nothing_waits
from flows.workshop.settings import Settings
from model_registry.accounts.opening import open_models
from model_registry.approval_items import PROMOTE
from model_registry.approvals import read_decision, record_decision, request_approval
from model_registry.asking import ask_what_waits
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote, promote_approved
from model_registry.review_queues import Answer, Status, answer, read_items
from model_registry.signing import SigningKeys
from model_registry.tracking import open_registry
from model_registry.versions import version_at
from tests.model_registry.guarded import PEOPLE, Guarded

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]
BOB = "bob@example.com"


@pytest.fixture
def asked(guarded: Guarded, register: Register, publish: Publish) -> Callable[..., Dossier]:
    """Register a candidate of a model of this name as somebody, and ask as the promoter."""

    def ask(name: str, by: str = "pipeline", **more: Any) -> Dossier:
        open_models(guarded.admin, PEOPLE, [name], lambda _: None)
        registry = guarded.as_(by)
        dossier = publish(registry, register(registry, name, name), **more)
        request_approval(guarded.as_("promoter"), name, dossier)
        return dossier

    return ask


def _model(dossier: Dossier) -> str:
    return dossier.candidate.removesuffix("-candidate")


def _complete(
    guarded: Guarded, dossier: Dossier, login: str, claim: str, value: bool, **more: str
) -> None:
    """Answer and complete an item as a client may: under a name that it claims."""
    request = request_approval(guarded.as_("promoter"), _model(dossier), dossier)
    said = Answer(question=PROMOTE.name, value=value, person=claim)
    queue = request.queues[more.get("seat", "release")]
    status: Status = "complete"
    answer(guarded.as_(login), queue, request.trace, [said], status)


def test_the_whole_way_from_the_pipeline_to_the_champion(
    guarded: Guarded, asked: Callable[..., Dossier], keys: SigningKeys
) -> None:
    dossier = asked("whole")
    assert dossier.registered_by == "pipeline"
    record_decision(
        guarded.as_(BOB), "whole", dossier, approve=True, person=BOB, reason="it knows prices"
    )
    promoter = guarded.as_("promoter")
    decision = read_decision(promoter, "whole", dossier)
    assert (decision.state, decision.proven) == ("approved", True)
    assert decision.seats[0].person == BOB
    assert "(it knows prices)" in decision.seats[0].reason
    release = promote(promoter, "whole", dossier.version, keys)
    assert release.moved
    assert release.reason == f"approved by {BOB}"
    champion = version_at(guarded.as_("serving"), "whole", "champion")
    assert champion is not None
    assert champion.digest == dossier.digest


def test_the_login_decides_and_not_the_claim(
    guarded: Guarded, asked: Callable[..., Dossier]
) -> None:
    dossier = asked("claims")
    for stranger in ("rita", "cyd", "pipeline", "serving"):  # in other seats, or in none
        with pytest.raises(Exception, match="Permission denied"):
            _complete(guarded, dossier, stranger, claim=BOB, value=True)
    assert read_decision(guarded.as_("promoter"), "claims", dossier).state == "pending"
    dossier = asked("claims-2")
    with pytest.raises(ContractError, match="does not count: completed without an answer"):
        record_decision(guarded.as_(BOB), "claims-2", dossier, approve=True, person="ada")
    decision = read_decision(guarded.as_("promoter"), "claims-2", dossier)
    assert (decision.state, decision.seats[0].person) == ("pending", BOB)


def test_row_51_who_registered_a_candidate_does_not_approve_it(
    guarded: Guarded, asked: Callable[..., Dossier], keys: SigningKeys
) -> None:
    dossier = asked("own", by="ada")
    assert dossier.registered_by == "ada"
    with pytest.raises(ContractError, match="would not count: ada registered the candidate"):
        record_decision(guarded.as_("ada"), "own", dossier, approve=True, person="ada")
    _complete(guarded, dossier, "ada", claim="ada", value=True)  # past our command
    promoter = guarded.as_("promoter")
    poll = promote_approved(promoter, "own", keys)
    assert poll.release is None
    assert "ada registered the candidate" in poll.passed_over[dossier.version]
    (queue,) = request_approval(promoter, "own", dossier).queues.values()
    trace = request_approval(promoter, "own", dossier).trace
    guarded.as_(BOB).store.set_review_queue_item_status(queue, item_id=trace, status="pending")
    record_decision(guarded.as_(BOB), "own", dossier, approve=True, person=BOB)
    assert read_decision(promoter, "own", dossier).state == "approved"


def test_row_51_a_candidate_past_the_seal_counts_for_nobody(
    guarded: Guarded, asked: Callable[..., Dossier], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = guarded.as_("ada")
    monkeypatch.setattr(ada, "account", "")  # her client says that there are no accounts
    dossier = asked("unsealed", by="ada")
    monkeypatch.undo()
    assert dossier.registered_by == ""
    with pytest.raises(ContractError, match="nobody knows which account registered"):
        record_decision(guarded.as_(BOB), "unsealed", dossier, approve=True, person=BOB)


def test_row_52_forged_answers_and_tags_are_ignored(
    guarded: Guarded, asked: Callable[..., Dossier], keys: SigningKeys
) -> None:
    dossier = asked("forged")
    promoter = guarded.as_("promoter")
    request = request_approval(promoter, "forged", dossier)
    cyd, trace = guarded.login("cyd"), request.trace  # an approver, of another seat
    for key, value in (("approved", "true"), ("paddock.approved_by", BOB)):
        body = {"key": key, "value": value}
        place = f"/api/3.0/mlflow/traces/{trace}/tags"
        assert guarded.send(place, body, cyd, method="PATCH")[0] == 200
    said = Answer(question=PROMOTE.name, value=True, person=BOB)
    with pytest.raises(Exception, match="Permission denied"):
        answer(guarded.as_("cyd"), request.queues["release"], trace, [said], "complete")
    item = next(s for s in read_items(promoter, request.queues["release"]) if s.trace == trace)
    assert [entry.person for entry in item.answers] == [BOB]  # the forged answer is there
    assert read_decision(promoter, "forged", dossier).state == "pending"
    body = {"queue_id": request.queues["release"], "item_id": trace, "status": "COMPLETE"}
    path = "/api/3.0/mlflow/review-queues/items/set-status"
    status, _ = guarded.send(path, {**body, "completed_by": BOB}, guarded.login("ada"))
    assert status == 200
    assert read_decision(promoter, "forged", dossier).seats[0].person == "ada"
    assert promote_approved(promoter, "forged", keys).release is None


def test_row_52_nobody_turns_a_no_into_a_yes(
    guarded: Guarded, asked: Callable[..., Dossier]
) -> None:
    """The Review tab completes an item with a no; a later answer under that name may be forged."""
    dossier = asked("turned")
    _complete(guarded, dossier, BOB, claim=BOB, value=False)
    promoter = guarded.as_("promoter")
    assert read_decision(promoter, "turned", dossier).state == "declined"
    request = request_approval(promoter, "turned", dossier)
    said = Answer(question=PROMOTE.name, value=True, person=BOB)
    with pytest.raises(Exception, match="Permission denied"):  # after the answer was written
        answer(guarded.as_("cyd"), request.queues["release"], request.trace, [said], "complete")
    decision = read_decision(promoter, "turned", dossier)
    assert decision.state == "declined"
    assert BOB in decision.reason


def test_answers_that_a_trace_shows_make_no_yes(
    guarded: Guarded, asked: Callable[..., Dossier], keys: SigningKeys
) -> None:
    """Who wrote a trace's answers is not proven; who completed or declined its item is."""
    from mlflow.entities import AssessmentSource, Feedback

    dossier = asked("shown")
    record_decision(guarded.as_(BOB), "shown", dossier, approve=False, person=BOB, reason="guesses")
    promoter = guarded.as_("promoter")
    trace = request_approval(promoter, "shown", dossier).trace
    source = AssessmentSource(source_type="HUMAN", source_id=BOB)
    yes = Feedback(name=PROMOTE.name, value=PROMOTE.yes, source=source, trace_id=trace)
    promoter.store.create_assessment(yes)
    assert read_decision(promoter, "shown", dossier).state == "declined"
    with pytest.raises(ContractError, match="people have not approved it"):
        promote(promoter, "shown", dossier.version, keys)


def test_two_seats_need_two_approvers(guarded: Guarded, asked: Callable[..., Dossier]) -> None:
    dossier = asked("seats", seats=("quality", "safety"))
    promoter = guarded.as_("promoter")
    record_decision(guarded.as_(BOB), "seats", dossier, approve=True, person=BOB)
    assert read_decision(promoter, "seats", dossier).reason == "safety: it waits for a person"
    with pytest.raises(PaddockError, match="does not sit in the queue"):
        record_decision(guarded.as_(BOB), "seats", dossier, approve=True, person=BOB, seat="safety")
    record_decision(guarded.as_("cyd"), "seats", dossier, approve=True, person="cyd")
    assert read_decision(promoter, "seats", dossier).state == "approved"


def test_the_promoter_asks_about_what_the_pipeline_left(
    guarded: Guarded, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    pipeline = guarded.as_("pipeline")
    open_models(guarded.admin, PEOPLE, ["left"], lambda _: None)
    candidate = register(pipeline, "left", "left")
    dossier = publish(pipeline, candidate)
    with pytest.raises(Exception, match=r"Permission denied|does not sit"):
        request_approval(pipeline, "left", dossier)
    assert ask_what_waits(guarded.as_("promoter"), "left", keys) == {}
    record_decision(guarded.as_(BOB), "left", dossier, approve=True, person=BOB)
    unseated = publish(pipeline, candidate, seats=("nobody's",))
    refused = ask_what_waits(guarded.as_("promoter"), "left", keys)
    assert refused == {unseated.version: "nobody sits in the seat nobody's, which must decide"}


def test_a_candidate_that_passed_and_each_answer_are_noticed(
    guarded: Guarded, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    pipeline = guarded.as_("pipeline")
    open_models(guarded.admin, PEOPLE, ["seen"], lambda _: None)
    looks = [decisions(guarded.admin).get("seen")]
    candidate = register(pipeline, "seen", "seen")
    looks.append(decisions(guarded.admin).get("seen"))  # not judged yet
    dossier = publish(pipeline, candidate)
    looks.append(decisions(guarded.admin)["seen"])
    assert looks[0] == looks[1] == nothing_waits() != looks[2]
    ask_what_waits(guarded.as_("promoter"), "seen", keys)
    assert decisions(guarded.admin)["seen"] == looks[2]  # asking is no answer
    record_decision(guarded.as_(BOB), "seen", dossier, approve=True, person=BOB)
    looks.append(decisions(guarded.admin)["seen"])
    assert promote_approved(guarded.as_("promoter"), "seen", keys).release
    assert decisions(guarded.admin)["seen"] == looks[3] != looks[2]


def test_metrics_tell_which_seats_have_not_answered(
    guarded: Guarded, asked: Callable[..., Dossier]
) -> None:
    dossier = asked("timed", seats=("release", "quality"))
    settings = Settings(MLFLOW_TRACKING_URI=guarded.address, accounts=guarded.kept)  # type: ignore

    def waits() -> dict[str, float]:
        told = (one for one in people(settings) if one.labels[0] == "timed")
        return {one.labels[2]: one.value for one in told if one.labels[1] == "1"}

    assert set(waits()) == {"release", "quality"}
    assert all(time.time() - 600 < since < time.time() for since in waits().values())
    record_decision(guarded.as_("ada"), "timed", dossier, approve=True, person="ada")
    assert set(waits()) == {"quality"}


def test_a_wrong_password_is_said_at_once_and_not_shown(guarded: Guarded) -> None:
    wrong = guarded.address.replace("://", "://ada:not-this-one@")
    with pytest.raises(PaddockError, match="does not accept the password of ada") as caught:
        open_registry(wrong)
    assert "not-this-one" not in str(caught.value)
    with pytest.raises(PaddockError, match="asks for a login"):
        open_registry(guarded.address)
