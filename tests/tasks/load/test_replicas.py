"""The queue against what is known of it in closed form, and the fewest replicas of a trace."""

from __future__ import annotations

import random

import pytest

from tasks.load.replicas import Service, fewest, service_of, share_within
from tasks.load.sending import Sent
from tasks.load.stages import Limits
from tasks.load.trace import Arrival

ANY = Limits(latency_ms=None, first_byte_ms=None, share=0.95)


def poisson(many: int, rate: float, seed: int) -> list[Arrival]:
    draw, now, found = random.Random(seed), 0.0, list[Arrival]()
    for _ in range(many):
        now += draw.expovariate(rate)
        found.append(Arrival(now, 0, 0))
    return found


@pytest.mark.parametrize(("servers", "rate", "waits"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3)])
def test_the_share_that_waits_is_erlangs(servers: int, rate: float, waits: float) -> None:
    """M/M/c, Erlang's C: of one server half busy half wait, of two half busy a third."""
    draw = random.Random(3)
    service = Service(1.0, 0.0, 0.0, tuple(draw.expovariate(1) for _ in range(5000)), 5000)
    trace = poisson(60_000, rate, 5)
    # Who does not wait takes at most its own service: with first bytes after no time at all, the
    # share within a hair is the share that begins at once.
    at_once = Limits(latency_ms=None, first_byte_ms=1e-6, share=0.95)
    instant = service._replace(base=0.0, answered=1.0)
    asked = [one._replace(answer_tokens=1) for one in trace]
    within, busy = share_within(asked, instant, at_once, servers, 7)
    assert 1 - within == pytest.approx(waits, abs=0.03)
    assert busy == pytest.approx(0.5, abs=0.03)


def test_service_is_found_again_from_what_was_measured() -> None:
    draw, sent = random.Random(1), list[Sent]()
    for number in range(400):
        asked, answered = draw.randint(10, 1000), draw.randint(1, 300)
        took = (0.02 + 0.0002 * asked + 0.01 * answered) * draw.uniform(0.9, 1.1)
        queue = 5.0 if number % 2 else 0.0  # half of them found no slot, and waited
        sent.append(
            Sent(
                due=0,
                sent=0,
                done=took + queue,
                under_way=9 if queue else 3,
                asked_tokens=asked,
                wanted_tokens=answered,
                answer_tokens=answered,
            )
        )
    found = service_of(sent, servers=4)
    assert found is not None
    assert found.measured == 200
    assert found.asked == pytest.approx(0.0002, rel=0.15)
    assert found.answered == pytest.approx(0.01, rel=0.05)
    assert service_of(sent[:50], servers=4) is None


def test_the_fewest_replicas_keep_it_and_one_less_does_not() -> None:
    service = Service(0.1, 0.0, 0.01, (0.8, 1.0, 1.2), 100)
    trace = [one._replace(answer_tokens=100) for one in poisson(4000, 20.0, 2)]
    limits = Limits(latency_ms=2000, first_byte_ms=None, share=0.95)
    found = fewest(trace, service, limits, slots=4, seed=7)
    assert found is not None
    assert found.share >= 0.95
    assert found.replicas >= 20 * 1.1 / 4
    less, _ = share_within(trace, service, limits, (found.replicas - 1) * 4, 7)
    assert less < 0.95
    never = Limits(latency_ms=900, first_byte_ms=None, share=0.99)
    assert fewest(trace, service, never, slots=4, seed=7) is None
    assert fewest(trace, service, ANY, slots=4, seed=7) is not None
