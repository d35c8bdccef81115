"""What a decision reads of a request, what it leaves to the large model, and what is counted."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tasks.routing.deciding import LARGE, Decider, Question, question_of
from tasks.routing.seen import Day, Seen, compared, told
from tests.tasks.routing.length_router import HELD, length_router
from tests.tasks.routing.word_encoder import WordEncoder

SAID = {"role": "user", "content": "Where is it?"}
TODAY = date(2026, 11, 30)


def body(*messages: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"messages": list(messages), **more}).encode()


def test_the_last_words_of_the_user_are_read() -> None:
    before = [{"role": "system", "content": "Be kind."}, SAID]
    answer = {"role": "assistant", "content": "There."}
    asked = body(*before, answer, {"role": "user", "content": "And now?"})
    assert question_of(asked) == Question("And now?", 2)
    parts = {"role": "user", "content": [{"type": "text", "text": "One"}, {"text": "two"}]}
    assert question_of(body(parts)) == Question("One\ntwo", 1)


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'"text"',
        b'{"messages": "x"}',
        b'{"messages": []}',
        b'{"messages": [1]}',
        b"\xff\xfe",
        body({"role": "assistant", "content": "x"}),
        body({"role": "user", "content": " "}),
        body({"role": "user", "content": None}),
        body({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
        body(SAID, tools=[{"type": "function"}]),
        body(SAID)[:-3],
    ],
)
def test_what_cannot_be_read_goes_to_the_large_model(asked: bytes) -> None:
    assert question_of(asked) is None


def test_one_that_waits_too_long_is_not_computed() -> None:
    encoder = WordEncoder()
    decider = Decider(length_router(encoder), encoder, wait_seconds=0.01)
    assert decider.decide(body(SAID)).small
    long = {"role": "user", "content": "and how " * 40}
    found = decider.decide(body(long))
    assert not found.small and found.margin is not None and found.margin < 0
    with decider._lock:  # pyright: ignore[reportPrivateUsage]
        answers: list[object] = []
        thread = threading.Thread(target=lambda: answers.append(decider.decide(body(SAID))))
        thread.start()
        thread.join(5)
    assert answers == [LARGE]


def test_what_is_asked_otherwise_than_it_was_judged_is_told() -> None:
    nothing = Seen(name="desk-router", version=3, digest="d", expected=HELD)
    assert compared(nothing) is None and len(told(nothing)) == 1
    alike = nothing.adding(TODAY, Day(decided=100, small=52, margins=5.0, seconds=1.5))
    shares = compared(alike)
    assert shares is not None and not shares.drifted
    assert shares.served_low < 0.52 < shares.served_high
    assert shares.expected == 0.5
    other = alike.adding(TODAY, Day(decided=400, small=40, unread=7, slow=2))
    shares = compared(other)
    assert shares is not None and shares.drifted
    words = "\n".join(told(other))
    assert "500 decisions" in words and "92 to the small model" in words and "DRIFT" in words
    assert "7 requests not read, 2 decided too late" in words
    few = nothing.adding(TODAY, Day(decided=3, small=0))
    assert not (found := compared(few)) or not found.drifted  # three say nothing
    again = Seen.model_validate_json(other.model_dump_json())
    assert again == other


def test_days_of_more_than_a_week_ago_are_left_out() -> None:
    seen = Seen(name="desk-router", version=3, digest="d", expected=HELD)
    seen = seen.adding(date(2026, 11, 20), Day(decided=5))
    seen = seen.adding(date(2026, 11, 24), Day(decided=7))
    seen = seen.adding(datetime(2026, 11, 30, tzinfo=UTC).date(), Day(decided=1))
    assert seen.together().decided == 8
