"""What changed between two looks at the answers is told once; a look that fails is none."""

from __future__ import annotations

import threading

from data_contracts.errors import PaddockError
from flows.servers.decisions import nothing_waits, watch

NONE = nothing_waits()


def _told(*looks: dict[str, str] | None, refused: int = 0, settles: bool = False) -> list[str]:
    """Return the models that were told of; None is a server that does not answer.

    The first `refused` of what is told could not be started.
    """
    left, told, stop = list(looks), list[str](), threading.Event()

    def look() -> dict[str, str]:
        now = left.pop(0)
        if not left:
            stop.set()
        if now is None:
            raise PaddockError("it does not answer", step="test")
        return now

    def decided(name: str) -> bool:
        told.append(name)
        return len(told) > refused

    watch(look, decided, stop, 0.01, settles=settles)
    assert left == []
    return told


def test_each_change_is_told_once() -> None:
    assert _told({"a": NONE}, {"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "2"}) == ["a", "a"]
    assert _told({"a": NONE, "b": NONE}, {"a": "2", "b": "2"}) == ["a", "b"]


def test_what_was_answered_while_nobody_looked_is_told_once() -> None:
    assert _told({"a": "1"}) == ["a"]
    assert _told(None, {"a": "1"}, None, {"a": "1"}) == ["a"]
    assert _told({"a": NONE}, None, {"a": "2"}) == ["a"]


def test_what_could_not_be_started_is_tried_again() -> None:
    assert _told({"a": "1"}, {"a": "1"}, {"a": "1"}, {"a": "1"}, refused=2) == ["a", "a", "a"]


def test_a_new_model_is_told_of_once_somebody_answered() -> None:
    assert _told({}, {"a": NONE}, {"a": NONE}, {"a": "1"}) == ["a"]
    assert _told({}, {"a": "1"}) == ["a"]


def test_what_settles_is_told_once_it_is_the_same_at_two_looks() -> None:
    steps = ({"a": NONE}, {"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "2"}, {"a": "3"})
    assert _told(*steps, settles=True) == ["a"]
    assert _told(*steps, {"a": "3"}, settles=True) == ["a", "a"]
    assert _told(*steps, None, {"a": "3"}, settles=True) == ["a", "a"]
    assert _told({"a": "1"}, {"a": "1"}, settles=True) == ["a"]
