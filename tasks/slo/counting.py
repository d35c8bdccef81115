"""Which requests are good: of a row of the inference log, and of what the gateway counted. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from data_contracts.inference_log import LogRow
from tasks.slo.objectives import Objective

_LABEL = re.compile(r'(\w+)="([^"]*)"')
_GOOD = re.compile(r"2\d\d")
# What a client must send otherwise, or hung up on (0), is no fault of what serves.
_FAILED = re.compile(r"5\d\d")


class Counted(NamedTuple):
    """Requests that an objective counts, and how many of them are bad."""

    requests: float = 0
    bad: float = 0


Judge = Callable[[LogRow], Mapping[str, int]]


def is_bad(objective: Objective, row: LogRow, judge: Judge | None = None) -> bool | None:
    """Tell whether a row is bad; None: the objective does not count it.

    `judge` says of an answer whether it is `hallucinated`; what it cannot tell is not counted. An
    answer counts as valid if it has a word: an engine that answers 200 with nothing failed.
    """
    valid = bool(row.answer.strip()) and row.finish_reason != "error"
    if objective.of == "success":
        return not valid
    if objective.of == "rated":
        good = row.feedback.good if row.feedback else None
        return None if good is None else good < 0.5
    if not valid:
        return None  # it is counted once: a failure that came fast is no fast answer
    if objective.of == "hallucinated":
        said = judge(row).get("hallucinated") if judge else None
        return None if said is None else bool(said)
    if objective.of == "truncated":
        return bool(row.truncated) or row.finish_reason == "length"
    timed = {"latency": row.seconds, "first_byte": row.first_token_seconds}
    seconds = timed.get(objective.of)
    if seconds is None or objective.at_most_ms is None:
        return None
    return seconds * 1000 > objective.at_most_ms


def gateway_counts(objective: Objective, page: str, edges: Sequence[int]) -> Counted:
    """Return what a gateway's page of metrics says of an objective, since the gateway began.

    `edges` are its buckets' upper edges in ms. A limit between two is taken to be the lower one,
    so at most a tenth stricter, never laxer; one below the first edge counts all as bad.
    """
    if objective.of == "success":
        counts = list(_samples(page, "envoy_paddock_requests"))
        failed = sum(value for labels, value in counts if _FAILED.fullmatch(labels["code"]))
        good = sum(value for labels, value in counts if _GOOD.fullmatch(labels["code"]))
        return Counted(good + failed, failed)
    name = "duration_ms" if objective.of == "latency" else "first_byte_ms"
    place = bisect_right(edges, objective.at_most_ms or 0)
    limit = f"{edges[place - 1]}" if place else ""
    total = within = 0.0
    for labels, value in _samples(page, f"envoy_paddock_{name}_bucket"):
        if _GOOD.fullmatch(labels["code"]):
            total += value if labels["le"] == "+Inf" else 0
            within += value if labels["le"] == limit else 0
    return Counted(total, total - within)


def _samples(page: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for line in page.splitlines():
        if line.startswith(f"{name}{{"):
            labels, _, value = line.removeprefix(name).rpartition(" ")
            yield dict(_LABEL.findall(labels)), float(value)
