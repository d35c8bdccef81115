"""What people look at while a model trains: history, notes, figures, pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.finetuning.curve import draw_losses
from tasks.finetuning.following import Following, start_note
from tasks.finetuning.history import FILE, History
from tasks.finetuning.recipe import Spending, money

Event = dict[str, Any]
START: Event = {
    "event": "start",
    "step": 0,
    "steps": 9,
    "estimate_gib": {"total": 2.31},
    "gradient_checkpointing": 6,
    "axis": "cross-entropy per target token",
}


def step(number: int, **more: float) -> Event:
    figures = {"loss": 3.0 / number, "tokens_per_second": 512.4, "memory_gib": 1.25}
    return {"event": "step", "step": number, "steps": 9, "seconds_left": 61.0, **figures, **more}


class Log:
    """Takes figures as MLflow's log does."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float, float | None]] = []

    def put(self, figures: Any, step: int, at: float | None = None) -> None:
        self.points.append((step, figures["loss"], at))


def test_a_history_outlives_its_process_and_counts_every_life(tmp_path: Path) -> None:
    now = [1000.0]
    first = History(tmp_path, clock=lambda: now[0])
    assert first.seconds == 0 and first.curve == []
    first.begin()
    now[0] += 5
    first.tell(START)
    for number in (1, 2, 3):
        now[0] += 1
        first.tell(step(number, cost=0.1 * number))
    assert first.seconds == 8
    with (tmp_path / FILE).open("a") as file:
        file.write('{"event": "step", "st')  # what a killed process leaves

    now[0] += 3600  # nobody pays for the time between two lives
    second = History(tmp_path, clock=lambda: now[0])
    assert second.seconds == 8 and [point.step for point in second.heard] == [1, 2, 3]
    second.begin()
    now[0] += 2
    second.tell({**START, "step": 2})  # its checkpoint held two steps; the third is done again
    assert second.curve == [(1, 3.0), (2, 1.5)]
    second.tell({**step(3), "loss": 0.9})
    now[0] += 4
    second.tell({"event": "done", "summary": {}})
    assert second.seconds == 14
    third = History(tmp_path)
    assert third.curve == [(1, 3.0), (2, 1.5), (3, 0.9)]
    assert third.seconds == 14 and len(third.heard) == 4
    assert third.heard[0].figures["cost"] == pytest.approx(0.1)


def test_what_comes_before_the_first_step_is_heard_of(tmp_path: Path) -> None:
    heard: list[tuple[int, int | None, str]] = []

    def progress(done: int, total: int | None, note: str, **_: Any) -> None:
        heard.append((done, total, note))

    log: Any = Log()
    following = Following(History(tmp_path), log, progress, lambda _, __: None)
    following({"event": "preparing", "done": 3, "total": 9, "what": "asks the weights"})
    [(done, total, note)] = heard
    assert (done, total) == (3, 9) and note == "asks the weights"


def test_a_clock_that_is_set_back_costs_no_negative_time(tmp_path: Path) -> None:
    now = [1000.0]
    history = History(tmp_path, clock=lambda: now[0])
    history.begin()
    now[0] = 400.0
    history.tell(START)
    history.begin()
    now[0] = 410.0
    history.tell(step(1))
    assert history.seconds >= 0


def test_who_looks_sees_time_left_speed_memory_cost_and_the_curve(tmp_path: Path) -> None:
    now, said, shown, log = [0.0], list[tuple[Any, ...]](), list[tuple[bytes, str]](), Log()

    def progress(
        done: int, total: int | None, note: str, *, seconds_left: float | None = None
    ) -> None:
        said.append((done, total, note, seconds_left))

    def show(picture: bytes, line: str) -> None:
        shown.append((picture, line))

    earlier = History(tmp_path)
    earlier.tell(step(1))
    following = Following(History(tmp_path), log, progress, show, clock=lambda: now[0])  # pyright: ignore[reportArgumentType]
    assert [(number, loss) for number, loss, _ in log.points] == [(1, 3.0)]  # sent once more
    following({**START, "step": 1})
    following(step(2))
    now[0] = 6.0
    following(step(3, limit_share=0.613, cost=1.5))
    for number, second in ((4, 7.0), (5, 65.0), (6, 67.0), (7, 68.0)):
        now[0] = second
        following(step(number))
    assert said[0] == (
        1,
        9,
        "resumed from a checkpoint; a step needs about 2.3 GiB, with gradient checkpointing of 6 "
        "layers",
        None,
    )
    assert said[2] == (
        3,
        9,
        "loss 1.000, 512 tokens/s, 61% of the GPU's limit, 1.2 GiB of memory, cost so far 1.50",
        61.0,
    )
    assert [number for number, _, _ in log.points] == [1, 2, 3, 4, 5, 6, 7]
    assert [line.split(":")[0] for _, line in shown] == [
        "Training, step 3 of 9",
        "Training, step 6 of 9",
    ]
    assert all(picture.startswith(b"\x89PNG") for picture, _ in shown)
    assert start_note(START).startswith("begins;")


def test_a_curve_is_the_same_bytes_again_and_shows_its_points(tmp_path: Path) -> None:
    points = [(number, 3.0 / number) for number in range(1, 80)]
    first = draw_losses(points, 0.5)
    assert first == draw_losses(points, 0.5) != draw_losses(points)
    (tmp_path / "curve.png").write_bytes(draw_losses(points[:1], steps=80))
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (840, 432)
        colors = picture.convert("RGB").getcolors(1 << 20)
    assert any(color == (43, 108, 176) for _, color in colors or []), "one point is not seen"


def test_money_keeps_two_digits_that_say_something() -> None:
    amounts = (12.346, 0.5, 0.004213, 0.0)
    assert [money(amount) for amount in amounts] == ["12.35", "0.50", "0.0042", "0.00"]


def test_cost_is_price_times_gpus_times_hours() -> None:
    spending = Spending(gpu_hour_price=2.0, gpus=4, budget=8.0)
    assert spending.cost(1800) == pytest.approx(4.0)
    assert spending.overspent(3599) is None
    assert spending.overspent(3600) == "spent 8.00 of its budget of 8"
    assert Spending(budget=1.0).overspent(1e9) is None  # no price, no cost


def test_a_history_is_lines_of_json(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.begin()
    history.tell(step(1, seconds_to_forget=1.0))
    lines = [line for line in (tmp_path / FILE).read_text().splitlines() if line]
    assert [json.loads(line)["event"] for line in lines] == ["life", "step"]
    assert "seconds_to_forget" not in lines[1]
