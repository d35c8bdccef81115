"""The fewest replicas that keep a trace within limits, by measured service times.

A queue of first come, first served before c = replicas x slots servers, worked through request by
request: each begins when it comes or when the first server is free (Kiefer and Wolfowitz 1955,
"On the theory of queues with many servers", Trans. Amer. Math. Soc. 78, 1-18). Service times
are a base and a time a token of question and answer, fitted to what was measured without a queue
(least squares of which none is negative), each with a measured deviation. Writes nothing.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from typing import NamedTuple

from tasks.load.sending import Sent
from tasks.load.stages import Limits
from tasks.load.trace import Arrival

LEAST_MEASURED = 30
MOST_REPLICAS = 1024


class Service(NamedTuple):
    """Seconds: `base` + tokens asked x `asked` + tokens answered x `answered`, x a deviation.

    `measured` is on how many requests it rests.
    """

    base: float
    asked: float
    answered: float
    deviations: tuple[float, ...]
    measured: int

    def first(self, arrival: Arrival) -> float:
        """Return the seconds before the first byte, without a deviation."""
        return self.base + self.asked * arrival.prompt_tokens

    def whole(self, arrival: Arrival) -> float:
        """Return the seconds of all of it, without a deviation."""
        return self.first(arrival) + self.answered * arrival.answer_tokens


class Plan(NamedTuple):
    """How many replicas, the share that they keep within the limits, and how busy slots are."""

    replicas: int
    share: float
    busy: float


def service_of(sent: Sequence[Sent], servers: int) -> Service | None:
    """Return what service takes, by requests that found a free one of `servers` slots.

    None where fewer than 30 did. What others in the batch cost each is in it, as it was then.
    """
    import numpy as np
    from scipy.optimize import nnls

    free = [one for one in sent if not one.error and one.under_way < servers]
    if len(free) < LEAST_MEASURED:
        return None
    table = np.array([(1.0, one.asked_tokens, one.answer_tokens) for one in free])
    took = np.array([one.done - one.sent for one in free])
    base, asked, answered = (float(one) for one in nnls(table, took)[0])
    expected = table @ np.array([base, asked, answered])
    ratios = tuple(float(one) for one in took[expected > 0] / expected[expected > 0])
    return Service(base, asked, answered, ratios, len(free)) if ratios else None


def share_within(
    trace: Sequence[Arrival], service: Service, limits: Limits, servers: int, seed: int
) -> tuple[float, float]:
    """Return the share of a trace's requests within the limits, and how busy the servers are."""
    draw, free = random.Random(seed), [0.0] * servers
    within, worked = 0, 0.0
    for arrival in trace:
        begins = max(arrival.at, free[0])
        ratio = draw.choice(service.deviations)
        took = service.whole(arrival) * ratio
        heapq.heapreplace(free, begins + took)
        worked += took
        waits = begins - arrival.at
        whole = (waits + took) * 1000
        first = (waits + service.first(arrival) * ratio) * 1000
        within += (limits.latency_ms is None or whole <= limits.latency_ms) and (
            limits.first_byte_ms is None or first <= limits.first_byte_ms
        )
    return within / len(trace), worked / (servers * max(max(free), trace[-1].at))


def fewest(
    trace: Sequence[Arrival], service: Service, limits: Limits, slots: int, seed: int
) -> Plan | None:
    """Return the fewest replicas of `slots` each; None where no number helps.

    More servers never make a request begin later, so a number is looked for by halves.
    """

    def plan(replicas: int) -> Plan:
        return Plan(replicas, *share_within(trace, service, limits, replicas * slots, seed))

    if plan(MOST_REPLICAS).share < limits.share:
        return None
    low, high = 1, MOST_REPLICAS
    while low < high:
        middle = (low + high) // 2
        if plan(middle).share >= limits.share:
            high = middle
        else:
            low = middle + 1
    return plan(high)
