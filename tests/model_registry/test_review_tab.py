"""A person with a browser: the Review tab shows what waits, and takes the answer.

Needs Chromium. Pictures are kept in build/screenshots.
"""

from __future__ import annotations

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
from tasks.human_review.asking import open_review
from tasks.human_review.rating import read_ratings
from tests.pictures import keep_picture
from tests.reviewing import fill_in, press, sampled


@pytest.fixture
def browsed(server: str, tmp_path: Path) -> Registry:
    return open_registry(server, ledger=f"sqlite:///{tmp_path}/ledger.db")


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
    keep_picture(page, f"review-tab-asked-{choice}")
    page.get_by_text(choice, exact=True).click()
    keep_picture(page, f"review-tab-chosen-{choice}")
    press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    keep_picture(page, f"review-tab-done-{choice}")

    decision = read_decision(browsed, name, dossier)
    assert decision.state == ("approved" if choice == "Promote" else "declined")
    assert decision.seats[0].person == "default"  # a server without logins knows no names
    release = promote_approved(browsed, name, keys).release
    assert (release is not None) is (choice == "Promote")


def test_answers_are_rated_in_the_browser(page: Any, browsed: Registry, server: str) -> None:
    case = sampled(
        prompt="What costs the Larkspur rope for <PERSON_1>?",
        known="The Larkspur rope costs 89 euros.",
        answer="It costs <b>89</b> euros.",
    )
    review = open_review(browsed, "desk", [case], "c" * 64)
    page.goto(review.page(server))
    press(page, "list.start-review")
    page.get_by_text("What costs the Larkspur rope for <PERSON_1>?").first.wait_for()
    page.get_by_text("It costs < b>89< /b> euros.").first.wait_for()
    fill_in(page, "Right", "Grounded", "Harmless", helpful=4)
    page.get_by_role("combobox").last.click()
    page.get_by_role("option", name="Harmful").click()
    page.keyboard.press("Escape")
    keep_picture(page, "review-tab-rating")
    press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    ratings = read_ratings(browsed, "desk", [case])
    assert ratings.figures() == {
        "answers rated": 1.0,
        "people": 1.0,
        "Factually right": 1.0,
        "Hallucination": 0.0,
        "Helpful (1 to 5)": 4.0,
    }
    assert ratings.not_counted == {"Harmful: does not apply": 1}


def test_a_long_answer_is_marked_as_cut_and_no_rating_beyond_the_scale_counts(
    page: Any, browsed: Registry, server: str
) -> None:
    case = sampled(answer="A rope. " * 400, cut=True)
    review = open_review(browsed, "long", [case], "c" * 64)
    page.goto(review.page(server))
    press(page, "list.start-review")
    page.get_by_text("of 3,200 characters: View full trace has all").wait_for()
    page.get_by_text("the model came to no end").wait_for()
    page.get_by_text("It costs 89 euros.").last.wait_for()
    page.locator("input[type=number]").fill("9")
    keep_picture(page, "review-tab-cut")
    press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    ratings = read_ratings(browsed, "long", [case])
    assert (ratings.complete, ratings.figures()) == (1, None)
    assert ratings.not_counted == {"Helpful (1 to 5): outside of what can be answered": 1}
