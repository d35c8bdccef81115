"""What a replay showed, stage by stage, and where the server is full. Pure.

Goodput is what came back good: an answer with a word, whole, within the limits. A stage holds if
the share that is good is at least `share`; saturation lies between the fastest that holds and the
first that does not (DistServe's measure, Zhong et al. 2024, OSDI, section 2).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from data_contracts.records import Frozen
from tasks.load.sending import LATE_SECONDS, Sent


class Limits(Frozen):
    """What is good: within so many ms (None: however long), in such a share of the requests."""

    latency_ms: float | None
    first_byte_ms: float | None
    share: float


class Stage(Frozen):
    """A stage of a replay; waits in seconds, of answers that came whole; rates a second."""

    speed: float
    seconds: float
    offered: float
    requests: int
    answered: int
    good: int
    goodput: float
    late: int
    worst_late: float
    failed: dict[str, int]
    latency: dict[str, float]
    first_byte: dict[str, float]
    tokens_a_second: float
    most_under_way: int
    prompt_tokens_asked: int
    prompt_tokens_counted: int
    answer_tokens_wanted: int
    answer_tokens_counted: int
    holds: bool

    @property
    def share(self) -> float:
        """Return the share of the requests that came back good."""
        return self.good / self.requests if self.requests else 0.0


def is_good(sent: Sent, limits: Limits) -> bool:
    """Tell whether an answer is valid and came in time."""
    if sent.error or not sent.words:
        return False
    waits = (sent.seconds, limits.latency_ms), (sent.first_seconds, limits.first_byte_ms)
    return all(most is None or (s is not None and s * 1000 <= most) for s, most in waits)


def stage_of(speed: float, seconds: float, sent: Sequence[Sent], limits: Limits) -> Stage:
    """Return what a stage of so many seconds showed."""
    whole = [one for one in sent if not one.error]
    good = sum(is_good(one, limits) for one in sent)
    behind = [one.sent - one.due for one in sent]
    last = max((one.done for one in sent), default=0.0)
    share = good / len(sent) if sent else 0.0
    return Stage(
        speed=speed,
        seconds=seconds,
        offered=len(sent) / seconds,
        requests=len(sent),
        answered=len(whole),
        good=good,
        goodput=good / seconds,
        late=sum(one > LATE_SECONDS for one in behind),
        worst_late=max(behind, default=0.0),
        failed=dict(Counter(one.error for one in sent if one.error).most_common()),
        latency=_quantiles([one.seconds for one in whole]),
        first_byte=_quantiles([s for one in whole if (s := one.first_seconds) is not None]),
        tokens_a_second=sum(one.answer_tokens for one in whole) / max(seconds, last),
        most_under_way=max((one.under_way + 1 for one in sent), default=0),
        prompt_tokens_asked=sum(one.asked_tokens for one in whole if one.prompt_tokens),
        prompt_tokens_counted=sum(one.prompt_tokens or 0 for one in whole),
        answer_tokens_wanted=sum(one.wanted_tokens for one in whole),
        answer_tokens_counted=sum(one.answer_tokens for one in whole),
        holds=bool(sent) and share >= limits.share,
    )


def saturation(stages: Sequence[Stage]) -> tuple[Stage | None, Stage | None]:
    """Return the fastest stage below which all hold, and the slowest that does not."""
    ordered = sorted(stages, key=lambda one: one.speed)
    full = next((one for one in ordered if not one.holds), None)
    held = [one for one in ordered if full is None or one.speed < full.speed]
    return (held[-1] if held else None), full


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by nearest rank; empty of none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        f"p{percent}": ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
        for percent in (50, 95, 99)
    }
