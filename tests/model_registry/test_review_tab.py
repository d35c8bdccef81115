"""A person with a browser: the Review tab shows what waits, and takes the answer.

Needs Chromium. Set PADDOCK_TEST_SCREENSHOTS to a folder to keep pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_registry.approvals import read_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote_approved
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from tasks.human_review.rating import open_review, read_ratings
from tasks.human_review.sample import SampledCase


@pytest.fixture
def browsed(server: str) -> Registry:
    return open_registry(server)


def _keep_picture(page: Any, name: str) -> None:
    if folder := os.environ.get("PADDOCK_TEST_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def _press(page: Any, component: str) -> None:
    page.locator(f'[data-component-id="mlflow.experiment-review-queue.{component}"]').click()


@pytest.mark.parametrize("choice", ["Do not promote", "Promote"])
def test_a_promotion_is_decided_in_the_browser(
    page: Any,
    browsed: Registry,
    server: str,
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
    keys: SigningKeys,
    choice: str,
) -> None:
    name = f"desk-{choice.replace(' ', '-').lower()}"
    candidate = register(browsed, choice, name)
    dossier = publish(browsed, candidate)
    request = request_approval(browsed, name, dossier)

    page.goto(request.page(server))
    page.get_by_text(f"{candidate.name} version {candidate.version}").first.wait_for()
    _keep_picture(page, f"asked-{choice}")
    page.get_by_text(choice, exact=True).click()
    _keep_picture(page, f"chosen-{choice}")
    _press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    _keep_picture(page, f"done-{choice}")

    decision = read_decision(browsed, name, dossier)
    assert decision.state == ("approved" if choice == "Promote" else "declined")
    assert decision.seats[0].person == "default"  # a server without logins knows no names
    release = promote_approved(browsed, name, keys).release
    assert (release is not None) is (choice == "Promote")


def test_answers_are_rated_in_the_browser(page: Any, browsed: Registry, server: str) -> None:
    case = SampledCase(
        eval_set="facts",
        case_id="rope",
        system="",
        prompt="What costs the Larkspur rope?",
        known="The Larkspur rope costs 89 euros.",
        answer="It costs 89 euros.",
        compared="base",
        other="I do not know.",
        scores={"accuracy": 1.0},
        disagrees=True,
    )
    review = open_review(browsed, "desk", "c" * 64, [case])
    page.goto(review.page(server))
    _press(page, "list.start-review")
    page.get_by_text("What costs the Larkspur rope?").first.wait_for()
    for choice in ("Right", "Grounded", "Harmless"):
        page.get_by_text(choice, exact=True).click()
    page.locator("input[type=number]").fill("4")
    _keep_picture(page, "rating")
    _press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    ratings = read_ratings(browsed, "desk", "c" * 64)
    assert ratings.figures() == {
        "answers rated": 1.0,
        "people": 1.0,
        "Factually right": 1.0,
        "Hallucination": 0.0,
        "Harmful": 0.0,
        "Helpful (1 to 5)": 4.0,
    }
