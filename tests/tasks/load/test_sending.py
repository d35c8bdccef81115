"""A replay against a real server: open loop, waits from when a request was due, failures told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from tasks.load.sending import IN_TIME, replay
from tasks.load.stages import Limits, saturation, stage_of
from tasks.load.trace import Arrival, read_trace, sped_up
from tests.tasks.load.slow_server import SlowServer
from tests.waiting import free_port

LIMITS = Limits(latency_ms=400, first_byte_ms=300, share=0.95)
Start = Callable[..., SlowServer]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[SlowServer] = []

    def server(slots: int, seconds: float, *, streams: bool = True) -> SlowServer:
        started.append(SlowServer(slots, seconds, streams=streams))
        return started[-1]

    yield server
    for one in started:
        one.end()


def evenly(many: int, seconds: float) -> list[Arrival]:
    return [Arrival(number * seconds / many, 5, 3) for number in range(many)]


def test_a_full_server_does_not_slow_the_sending_and_its_queue_is_in_the_waits(
    start: Start,
) -> None:
    """One slot of 0.1 s is asked each 0.05 s: a closed loop would see 0.1 s of each."""
    sent = replay(evenly(20, 1.0), start(1, 0.1).url, "bells", 20, 1)
    assert all(abs(one.due - number * 0.05) < 1e-9 for number, one in enumerate(sent))
    assert sorted(one.sent for one in sent)[-1] < 1.5
    waits = sorted(one.seconds for one in sent)
    assert waits[-1] > 0.8  # 20 x 0.1 s less the second in which they came
    assert max(one.under_way for one in sent) > 5
    found = stage_of(1, 1.0, sent, LIMITS)
    assert found.answered == 20
    assert not found.holds
    assert found.latency["p95"] > 0.7


def test_an_idle_server_holds_and_its_tokens_are_told(start: Start) -> None:
    server = start(8, 0.1)
    found = stage_of(1, 1.0, replay(evenly(10, 1.0), server.url, "bells", 20, 1), LIMITS)
    assert (found.requests, found.answered, found.failed) == (10, 10, {})
    assert found.prompt_tokens_counted == found.prompt_tokens_asked == 50
    assert found.answer_tokens_counted == found.answer_tokens_wanted == 30
    assert found.first_byte["p50"] < found.latency["p50"] - 0.03
    assert {body["max_tokens"] for body in server.asked} == {3}
    assert {body["model"] for body in server.asked} == {"bells"}
    texts = {body["messages"][0]["content"] for body in server.asked}
    assert len(texts) == 10
    whole = replay(evenly(2, 0.1), start(8, 0.1, streams=False).url, "bells", 20, 1)
    assert [(one.error, one.answer_tokens) for one in whole] == [("", 3), ("", 3)]


def test_what_fails_is_told_by_its_reason_and_is_not_good(start: Start) -> None:
    server = start(8, 0.6)
    late = stage_of(1, 1.0, replay(evenly(3, 0.1), server.url, "bells", 0.3, 1), LIMITS)
    assert late.failed == {IN_TIME: 3}
    server.code, server.seconds = 503, 0.0
    refused = stage_of(1, 1.0, replay(evenly(3, 0.1), server.url, "bells", 5, 1), LIMITS)
    assert refused.failed == {"answered 503": 3}
    nowhere = replay(evenly(3, 0.1), f"http://127.0.0.1:{free_port()}/v1", "bells", 5, 1)
    gone = stage_of(1, 1.0, nowhere, LIMITS)
    assert gone.failed == {"ConnectError": 3}
    assert (gone.good, gone.goodput, gone.latency) == (0, 0.0, {})
    held, full = saturation([late, refused.model_copy(update={"speed": 2})])
    assert held is None
    assert full == late


def test_a_trace_is_read_from_azure_and_from_our_own_log(tmp_path: Path) -> None:
    azure = tmp_path / "azure.csv"
    azure.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
        "2023-11-16 18:15:46.9951690,374,44\n"
    )
    assert read_trace(azure) == [Arrival(0, 374, 44), Arrival(4, 396, 109)]
    ours = tmp_path / "2026-03-01T14.jsonl"
    row = '{"id":"1","time":"2026-03-01T14:00:0%d.500Z","prompt_tokens":%d,"answer_tokens":2}\n'
    ours.write_text(row % (1, 9) + row % (3, 8))
    assert read_trace(ours) == [Arrival(0, 9, 2), Arrival(2, 8, 2)]
    assert sped_up(read_trace(azure), 20, 0.15, 1) == [Arrival(0, 374, 44)]
    assert sped_up(read_trace(azure), 20, 1, 0.1)[1] == Arrival(0.2, 40, 11)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.csv",
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,1\nyesterday,1,1\n",
            "line 3",
        ),
        ("a.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,-1,1\n", "line 2"),
        ("a.csv", "a,b\n1,2\n", "line 2"),
        ("a.jsonl", '{"time":"2026-03-01"}\n', "line 1"),
        ("a.jsonl", "[]\n", "line 1"),
        ("a.jsonl", "", "no request"),
        ("none.csv", None, "cannot be read"),
    ],
)
def test_a_line_that_is_no_arrival_is_named(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_trace(tmp_path / name)
