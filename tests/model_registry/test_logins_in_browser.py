"""People log in with a browser: an approver's seat counts, the seat of who trained does not.

Needs Chromium. Pictures are kept in build/screenshots.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from model_registry.approvals import Request, request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote_approved
from model_registry.signing import SigningKeys
from model_registry.versions import version_at
from tests.model_registry.guarded import PEOPLE, Guarded
from tests.pictures import keep_picture
from tests.reviewing import press

NAME, BOB = "browsed", "bob@example.com"
Ask = Callable[[str, str], tuple[Dossier, Request]]


@pytest.fixture(scope="module")
def ask(
    guarded: Guarded, register: Callable[..., Candidate], publish: Callable[..., Dossier]
) -> Ask:
    """Register a candidate as somebody, and ask about it as the promoter."""
    guarded.apply(PEOPLE, NAME)

    def asked(by: str, mark: str) -> tuple[Dossier, Request]:
        registry = guarded.as_(by)
        serves = version_at(registry, NAME, "champion")
        champion = serves.tags["paddock.reference.model"] if serves else None
        dossier = publish(registry, register(registry, mark, NAME), champion)
        return dossier, request_approval(guarded.as_("promoter"), NAME, dossier)

    return asked


@contextmanager
def _logged_in(browser: Any, guarded: Guarded, name: str) -> Generator[Any]:
    login = guarded.login(name)
    secret = {"username": name, "password": login.password.get_secret_value()}
    context = browser.new_context(viewport={"width": 1400, "height": 1100}, http_credentials=secret)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def _say_yes(page: Any, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_text("Let this candidate serve").first.wait_for()
    keep_picture(page, f"logins-{name}-asked")
    page.get_by_role("combobox").last.click()
    page.get_by_role("option", name="Promote").click()
    keep_picture(page, f"logins-{name}-chosen")
    press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    keep_picture(page, f"logins-{name}-done")


def test_who_trained_is_refused_and_an_approver_is_not(
    browser: Any, guarded: Guarded, ask: Ask, keys: SigningKeys
) -> None:
    dossier, request = ask("ada", "hers")
    with _logged_in(browser, guarded, "ada") as page:
        _say_yes(page, request.page(guarded.address), "who-trained")
    promoter = guarded.as_("promoter")
    poll = promote_approved(promoter, NAME, keys)
    assert poll.release is None
    assert "ada registered the candidate" in poll.passed_over[dossier.version]
    assert version_at(promoter, NAME, "champion") is None

    other, request = ask("pipeline", "its")
    with _logged_in(browser, guarded, BOB) as page:
        _say_yes(page, request.page(guarded.address), "approver")
    release = promote_approved(promoter, NAME, keys).release
    assert release is not None
    assert release.reason == f"approved by {BOB}"
    champion = version_at(promoter, NAME, "champion")
    assert champion is not None
    assert champion.digest == other.digest


def test_who_sits_in_no_seat_is_shown_none(browser: Any, guarded: Guarded, ask: Ask) -> None:
    _, request = ask("pipeline", "closed")
    with _logged_in(browser, guarded, "rita") as page:
        page.goto(request.page(guarded.address))
        page.get_by_text(f"{NAME}-promotions").first.wait_for()
        page.wait_for_timeout(3000)  # there is nothing to wait for
        keep_picture(page, "logins-no-seat")
        assert page.get_by_text("Let this candidate serve").count() == 0
