from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from flows.answering_drift import ended_well, run_ended
from tasks.drift.decision import Trigger


def _trigger(candidate: int | None = 3) -> Trigger:
    return Trigger(
        fingerprint="f" * 24,
        attempt=1,
        champion="c",
        window="2026-03-01T14",
        claimed_at=datetime(2026, 3, 1, 15, tzinfo=UTC),
        candidate=candidate,
    )


@pytest.mark.parametrize(
    ("state", "run_count", "newest", "outcome"),
    [
        ("COMPLETED", 1, 4, "completed"),
        ("COMPLETED", 1, 3, "nothing_new"),
        # Prefect 3.8.8 gives a start time, too, to a run that its limit cancels before it begins.
        ("CANCELLED", 0, 3, "cancelled"),
        ("CANCELLED", 1, 3, "crashed"),
        ("FAILED", 1, 3, "crashed"),
        ("CRASHED", 0, 3, "crashed"),
        ("RUNNING", 1, 4, None),
        ("PENDING", 0, 4, None),
    ],
)
def test_a_run_is_an_answer_if_a_new_model_came_out_and_no_try_if_it_never_began(
    state: str, run_count: int, newest: int, outcome: str | None
) -> None:
    from prefect.client.schemas.objects import FlowRun, State, StateType

    run = FlowRun(
        flow_id=uuid4(),
        state=State(type=StateType(state)),
        run_count=run_count,
    )
    assert run_ended(run, _trigger(), newest) == outcome


def test_claims_that_do_not_say_what_was_there_count_as_answered() -> None:
    assert ended_well(_trigger(None), 3) == "completed"
