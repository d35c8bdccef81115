"""People are told, once, over a real webhook; a receiver that refuses fails nothing."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from flows.showing.notifying import (
    Event,
    notify,
    release_events,
    require_blocks,
    trouble_event,
)
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.releases import Release

SECRET = "a-token-nobody-may-read"


class Receiver(HTTPServer):
    """Keeps what it is sent; answers with `status`."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken: list[dict[str, Any]] = []


class Taker(BaseHTTPRequestHandler):
    """Takes one message."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.taken.append(body)
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def workshop(
    prefect_server: None, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Workshop:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    make: Any = CustomWebhookNotificationBlock
    block = make(
        name="paddock",
        url=f"http://127.0.0.1:{receiver.server_address[1]}/{SECRET}",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        allow_private_urls=True,
    )
    block.save("releases")
    home = tmp_path_factory.mktemp("notified")
    return Workshop(Settings(home=home, notify="custom-webhook/releases"))


def test_an_event_is_told_once_with_its_link(workshop: Workshop, receiver: Receiver) -> None:
    event = Event("promoted", "desk", "digest-1", "Version 3 is champion now.", "http://here/3")
    notify(workshop, event)
    notify(workshop, event, event._replace(text="said otherwise"))
    assert receiver.taken == [
        {"subject": "desk: promoted", "body": "Version 3 is champion now.\nhttp://here/3"}
    ]
    notify(workshop, event._replace(about="digest-2"))
    assert len(receiver.taken) == 2


def test_what_is_not_taken_fails_nothing_and_is_told_again(
    workshop: Workshop, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    event = Event("rolled back", "desk", "digest-9", "Version 2 is back.")
    before, receiver.status = len(receiver.taken), 500
    logging.getLogger("paddock").propagate = True
    with caplog.at_level(logging.INFO):
        notify(workshop, event)
    assert "not told to custom-webhook/releases" in caplog.text
    assert SECRET not in caplog.text.split("HTTP Request")[0]
    receiver.status = 200
    notify(workshop, event)
    notify(workshop, event)
    assert len(receiver.taken) == before + 2


def test_a_release_is_told_with_its_page_and_no_move_is_nothing() -> None:
    release = Release(
        action="promote",
        name="desk",
        version=3,
        before=2,
        digest="d" * 64,
        moved=True,
        reason="approved by ada",
        row=5,
    )
    (event,) = release_events(release, "http://mlflow:5000/")
    assert (event.kind, event.link) == ("promoted", "http://mlflow:5000/#/models/desk/versions/3")
    assert event.text == "Version 3 serves now, after version 2: approved by ada."
    (back,) = release_events(release.model_copy(update={"action": "rollback", "row": 6}), "")
    assert back.kind == "rolled back"
    assert back.key != event.key
    gone = {"action": "out of service", "version": 0, "before": 3, "digest": "", "row": 7}
    (retired,) = release_events(release.model_copy(update=gone), "http://mlflow:5000")
    assert (retired.kind, retired.link) == ("out of service", event.link)
    assert retired.text == "Nothing serves now, after version 3: approved by ada."
    assert release_events(release.model_copy(update={"moved": False}), "") == []
    assert release_events(None, "") == []


def test_the_same_trouble_is_told_once_a_day(workshop: Workshop, receiver: Receiver) -> None:
    before = len(receiver.taken)
    for _ in range(2):
        notify(workshop, trouble_event("desk", "the alias champion was moved", "paddock show"))
    notify(workshop, trouble_event("desk", "the alias previous was moved"))
    assert [one["body"] for one in receiver.taken[before:]] == [
        "the alias champion was moved. To do: paddock show.",
        "the alias previous was moved.",
    ]


def test_a_block_that_is_not_there_is_refused_before_anything_costs(workshop: Workshop) -> None:
    require_blocks(workshop.settings)
    require_blocks(workshop.settings.model_copy(update={"notify": ""}))
    with pytest.raises(InputError, match="no such Prefect block"):
        require_blocks(workshop.settings.model_copy(update={"notify": "slack-webhook/nowhere"}))


def test_nobody_named_is_nobody_told(tmp_path: Path, receiver: Receiver) -> None:
    before = len(receiver.taken)
    notify(Workshop(Settings(home=tmp_path)), Event("refused", "desk", "x", "No."))
    assert len(receiver.taken) == before
