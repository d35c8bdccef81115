"""Recorded requests, asked again of both versions of a canary beside its users.

Where traffic is thin, a canary waits for days until it has the answers that it is judged by. Then
requests of the inference log, each text once, are asked of an engine of either version, greedily
and one at a time, past the gateway: so they are in no counter of it, in no log, and in nobody's
latency. Only what is counted of the answers is kept. It goes on only until there are as many
answers as each metric needs at least; what runs out stays *not enough data*. Writes nothing.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from data_contracts.inference_log import LogRow
from flows.serving.beside import Fares
from flows.serving.judging_answers import judge_of
from flows.serving.places import Places
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from tasks.canary.arms import Arms, Counts
from tasks.canary.judge import reference_of, size_of
from tasks.canary.phases import WARM, State
from tasks.canary.policy import CanaryPolicy
from tasks.incidents.asking import conversation, most_tokens
from tasks.incidents.choosing import choose
from tasks.inference_log.spans import rows_between
from tasks.serving.specification import Specification

DAYS, MOST = timedelta(days=30), 20_000


class Shadow:
    """What recorded requests came to so far; asks on in a thread of its own, told by each tick."""

    def __init__(
        self, workshop: Workshop, places: Places, name: str, specification: Specification
    ) -> None:
        """Ask nothing until a tick says that answers are lacking."""
        self._workshop, self._places, self._name = workshop, places, name
        self._judge, self._seconds = judge_of(specification), specification.gateway.timeout_seconds
        self._arms: Arms | None = None
        self._rows: list[LogRow] | None = None
        self._fares: Fares | None = None
        self._lock = threading.Lock()

    def told(self, state: State, policy: CanaryPolicy, fares: Fares | None) -> Arms:
        """Return the counts so far, and let a request be asked again if there are too few."""
        if self._arms is None:
            self._arms = state.shadow  # another run began it
        lacks = _lacking(state, policy)
        ready = fares and fares.ready and fares.ports and state.phase != WARM
        if lacks and ready and self._lock.acquire(blocking=False):
            self._fares = fares
            threading.Thread(target=self._ask, args=(policy.tick_seconds,), daemon=True).start()
        return self._arms

    def _ask(self, seconds: float) -> None:
        """Ask for as long as a tick takes, then look again whether more are lacking."""
        try:
            end = datetime.now(UTC) + timedelta(seconds=seconds)
            while datetime.now(UTC) < end and (row := self._next()) is not None:
                self._both(row)
        except Exception as error:  # a library's; its words may quote a request
            LOGGER.warning("recorded requests could not be asked again: %s", type(error).__name__)
        finally:
            self._lock.release()

    def _next(self) -> LogRow | None:
        """Return the next request; the order is that of ids, so another run goes on behind it."""
        if self._rows is None:
            self._rows = self._recorded()
            LOGGER.info("  %d recorded requests may be asked again", len(self._rows))
        asked = self._arms.canary.requests if self._arms else 0
        return self._rows[asked] if asked < len(self._rows) else None

    def _recorded(self) -> list[LogRow]:
        now = datetime.now(UTC)
        with TemporaryDirectory(prefix="paddock-shadow-") as scratch:
            rows = rows_between(self._workshop.store, self._name, now - DAYS, now, Path(scratch))
            chosen = choose(rows, MOST).rows
        return list({json.dumps(conversation(row)): row for row in chosen}.values())

    def _both(self, row: LogRow) -> None:
        champion: dict[str, Any] = json.loads(self._places.state.read_text("utf-8"))
        if not (self._fares and self._arms and champion["engines"]):
            return
        one = self._asked(champion["engines"][0], champion["served_as"], row)
        other = self._asked(self._fares.ports[0], "", row)
        self._arms = Arms(
            baseline=self._arms.baseline.plus(one), canary=self._arms.canary.plus(other)
        )

    def _asked(self, port: int, model: str, row: LogRow) -> Counts:
        """Return what an engine's answer counts for."""
        body = {
            "model": model,
            "messages": conversation(row),
            "max_tokens": max(1, most_tokens(row)),
            "temperature": 0,
        }
        try:
            address = f"http://127.0.0.1:{port}/v1/chat/completions"
            told = httpx.post(address, json=body, timeout=self._seconds).raise_for_status().json()
            [choice] = told["choices"]
            text, finish = choice["message"]["content"] or "", choice["finish_reason"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return Counts(requests=1, errors=1)
        counts = Counts(requests=1, truncated=int(finish == "length"))
        if not text:
            return counts
        judged = self._judge(row.model_copy(update={"answer": text}))
        return counts.model_copy(update=dict(judged))


def _lacking(state: State, policy: CanaryPolicy) -> bool:
    """Tell whether users and recorded requests together are too few for a metric."""
    both = state.counts.plus(state.shadow)
    if state.phase >= len(policy.phases) - 1:  # the stops alone watch the last one
        return False
    return any(
        size_of(metric, arm) < limits.least
        for metric, limits in policy.judged.items()
        if metric != "latency"
        for arm in (both.canary, reference_of(limits, both))
    )
