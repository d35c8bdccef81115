"""A canary's look at error budgets, which holds it until it is known that they do not burn."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flows.serving import budgets as module
from flows.serving.budgets import UNKNOWN, Budgets
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.serving.specification import Specification
from tasks.slo.budget import Pause
from tests.waiting import free_port, until


def test_it_holds_until_the_first_look_ended_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may = threading.Event()

    def look(*_: object) -> Pause:
        may.wait(20)
        return Pause()

    monkeypatch.setattr(module, "pause_of_releases", look)
    nothing: Any = None
    budgets = Budgets(nothing, "desk")
    assert [budgets.hold() for _ in range(3)] == [UNKNOWN] * 3
    may.set()
    until(lambda: not budgets.hold())


def test_a_budget_that_burns_or_cannot_be_read_holds_and_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[Pause | Exception] = [
        Pause(reasons=("success burns",)),
        OSError("s3://somebody:secret@host"),
        Pause(),
    ]

    def look(*_: object) -> Pause:
        found = looked.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(module, "pause_of_releases", look)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    nothing: Any = None
    budgets = Budgets(nothing, "desk")
    said: list[str] = []

    def ends() -> bool:
        said.append(budgets.hold())
        time.sleep(0.05)
        return not said[-1] or not looked

    until(ends)
    until(lambda: not budgets.said)
    assert "success burns" in said
    assert "the error budgets could not be read: OSError" in said
    assert not any("secret" in one for one in said)


def test_on_a_cluster_its_file_says_what_was_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.0)
    workshop = Workshop(Settings(home=tmp_path))
    away = f"http://127.0.0.1:{free_port()}"
    pausing = {"prometheus": away, "objectives": {"success": {"target": 0.99, "pauses": True}}}
    held = Budgets(workshop, "desk", Specification(name="desk", slo=pausing))
    until(lambda: "nobody knows whether its budget burns (Prometheus" in held.hold())
    free = Budgets(workshop, "desk", Specification(name="desk", slo={"prometheus": away}))
    until(lambda: not free.hold())
