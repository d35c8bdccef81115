"""A part that ends is started again, later each time, and not for ever."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from flows.servers.part import PAUSES, STEADY_SECONDS, Part
from flows.servers.supervisor import is_for_people


def ended(part: Part, now: float, said: list[str]) -> bool:
    """Look until the part is seen to have ended; return whether it may go on."""
    while part.process is not None:
        if not part.look(now, said.append):
            return False
        time.sleep(0.01)
    return True


def _part(command: str, tmp_path: Path) -> Part:
    return Part("mlflow", command, logging.getLogger("a part"), tmp_path / "mlflow.log")


def test_each_early_end_is_waited_for_longer_and_the_last_is_the_last(tmp_path: Path) -> None:
    part, said, now = _part("sh -c 'exit 3'", tmp_path), list[str](), 100.0
    for pause in PAUSES:
        assert part.look(now, said.append)
        assert part.process is not None
        assert ended(part, now, said)
        assert part.look(now + pause - 0.1, said.append)
        assert part.process is None  # not yet
        now += pause
    assert part.look(now, said.append)
    assert not ended(part, now, said)
    assert said[0] == (
        f"mlflow ended (exit code 3); it is started again in 1 s. What it said: {part.place}"
    )
    assert "started again in 16 s" in said[-2]
    assert said[-1] == f"mlflow ended (exit code 3), 6 times in a row. What it said: {part.place}"


def test_one_that_ran_for_long_begins_anew(tmp_path: Path) -> None:
    part, said, now = _part("sh -c 'kill -9 $$'", tmp_path), list[str](), 0.0
    for _ in range(3 * len(PAUSES)):
        now += STEADY_SECONDS + PAUSES[-1]
        assert part.look(now, said.append)
        now += STEADY_SECONDS
        assert ended(part, now, said)
    assert {"(by SIGKILL); it is started again in 1 s" in line for line in said} == {True}


def test_what_a_server_left_in_its_group_goes_before_it_is_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "left"
    part, said = _part(f"sh -c 'sleep 600 & echo $! > {mark}'", tmp_path), list[str]()
    assert part.look(1.0, said.append)
    assert ended(part, 1.0, said)
    place = Path("/proc") / mark.read_text().strip() / "stat"
    end = time.monotonic() + 5
    while place.exists() and place.read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("mlflow", 'INFO: 127.0.0.1:1 - "GET /health HTTP/1.1" 200 OK', False),
        ("mlflow", "2026/01/01 WARNING mlflow.server: something", True),
        ("prefect", "Check out the dashboard at http://127.0.0.1:4200", False),
        ("prefect", "10:00:00 | ERROR   | prefect.server - Failed in consume_loop", True),
        ("worker", "  Paddock is up", True),
        ("worker", "", False),
        ("worker", "you: account made", True),
        ("worker", "10:00:00 | INFO    | paddock -   3/7 fine-tune: 28 of 393", False),
        ("worker", "10:00:00 | INFO    | Flow run 'desk' - Finished in state Completed()", True),
        ("worker", "10:00:00 | INFO    | Task run 'gates' - Finished in state Completed()", False),
        ("worker", "Downloading artifacts:  25%|##   | 1/4 [00:00<00:00, 15087.42it/s]", False),
    ],
)
def test_the_terminal_gets_what_people_need(name: str, line: str, shown: bool) -> None:
    assert is_for_people(name, line) is shown
