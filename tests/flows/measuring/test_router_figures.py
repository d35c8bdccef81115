"""What a router's door kept becomes metrics, and words for `paddock show`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.measuring.routers import routers
from flows.routers.seen import seen_in_words
from flows.serving.places import Places, put
from tasks.routing.seen import Day, Seen
from tests.tasks.routing.length_router import HELD


def test_a_router_that_drifted_is_measured_and_told(tmp_path: Path) -> None:
    assert list(routers(tmp_path)) == []
    assert seen_in_words(tmp_path, "desk") == ""
    places = Places(tmp_path, "desk")
    places.folder.mkdir(parents=True)
    seen = Seen(name="desk-router", version=4, digest="d", expected=HELD)
    put(places.router, seen.model_dump(mode="json"))
    bare = {one.name: one.value for one in routers(tmp_path)}
    assert bare == {"paddock_router_requests": 0}  # nothing was decided: no share is made up
    day = Day(decided=400, small=40, margins=-20.0, unread=3, slow=2, seconds=6.0)
    put(places.router, seen.adding(date(2026, 11, 30), day).model_dump(mode="json"))
    found = {(one.name, one.labels[1:]): one.value for one in routers(tmp_path)}
    assert found["paddock_router_requests", ("small",)] == 40
    assert found["paddock_router_requests", ("large",)] == 360
    assert found["paddock_router_requests", ("unread",)] == 3
    assert found["paddock_router_small_ratio", ()] == pytest.approx(0.1)
    assert found["paddock_router_judged_small_ratio", ()] == 0.5
    assert found["paddock_router_margin", ()] == pytest.approx(-0.05)
    assert found["paddock_router_drifted", ()] == 1
    said = seen_in_words(tmp_path, "desk")
    assert said.startswith("Router\n  router desk-router/4: 400 decisions") and "DRIFT" in said
    places.router.write_text("{")
    assert list(routers(tmp_path)) == [] and seen_in_words(tmp_path, "desk") == ""
