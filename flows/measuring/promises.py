"""What is counted of each promise of what this home serves, for the rules of `paddock slo render`.

Success and waits are the gateway's own counts. What only an answer tells (cut, rated) is counted
from the inference log, from the hour on in which this began: a counter starts with its process.
What is looked at once a day is summed over all its looks in the store, which stay.
Needs a serving's specification in the home; writes nothing but scratch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.measuring.figures import Figure, figure
from tasks.inference_log.spans import rows_between
from tasks.serving.gateway.admin import ask
from tasks.serving.gateway.counted import EDGES_MS
from tasks.slo.counting import Counted, Judge, gateway_counts, is_bad
from tasks.slo.objectives import OF_GATEWAY, OF_SAMPLES, Objective, promises_of
from tasks.slo.samples import Sample, keys_of, read_sample
from tasks.storage.objects import ObjectStore

_SETTLED = timedelta(hours=2)  # after its end nothing is late in an hour of the log
_HOUR = timedelta(hours=1)


class Promised:
    """The servings of a home, each with what was counted."""

    def __init__(self, home: Path, store: ObjectStore, now: datetime | None = None) -> None:
        self._folder, self._store = home / "serving", store
        self._settled: dict[tuple[str, str], Counted] = {}
        self._next: dict[str, datetime] = {}
        self._began = _hour(now or datetime.now(UTC))
        self._looks: dict[str, Sample] = {}
        self._judges: dict[tuple[str, ...], Judge] = {}

    def figures(self, now: datetime | None = None) -> Iterator[Figure]:
        """Yield the counts of every serving; httpx.HTTPError where a gateway does not answer."""
        for file in sorted(self._folder.glob("*/specification.json")):
            table = json.loads(file.read_text("utf-8")).get("slo") or {}
            objectives = promises_of(table, str(file)).objectives
            model = file.parent.name
            counted, newest = self._of_looks(model, objectives)
            for name, moment in newest.items():
                yield figure("paddock_slo_looked_timestamp_seconds", moment, model=model, slo=name)
            counted |= self._of_gateway(file.parent, objectives)
            counted |= self._of_log(model, objectives, now or datetime.now(UTC))
            for name, one in counted.items():
                of = {"model": model, "slo": name}
                yield figure("paddock_slo_requests_total", one.requests, **of)
                yield figure("paddock_slo_bad_total", one.bad, **of)

    def _of_gateway(self, folder: Path, objectives: dict[str, Objective]) -> dict[str, Counted]:
        """Return the gateway's counts; nothing while nothing serves."""
        try:
            state = json.loads((folder / "serving.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        page = ask(Path(state["admin"]), "/stats/prometheus?filter=paddock")
        return {
            name: gateway_counts(one, page, EDGES_MS)
            for name, one in objectives.items()
            if one.of in OF_GATEWAY
        }

    def _of_looks(
        self, model: str, objectives: dict[str, Objective]
    ) -> tuple[dict[str, Counted], dict[str, float]]:
        """Return what daily looks found so far, and when the newest was; 0: there was none."""
        counted, newest = dict[str, Counted](), dict[str, float]()
        for name, one in objectives.items():
            if one.of in OF_SAMPLES:
                keys = list(keys_of(self._store, model, one.of, None))
                for key in keys:
                    if key not in self._looks:  # none ever changes
                        self._looks[key] = read_sample(self._store, key)
                looks = [self._looks[key] for key in keys]
                counted[name] = Counted(
                    sum(look.requests for look in looks), sum(look.bad for look in looks)
                )
                newest[name] = max((look.time.timestamp() for look in looks), default=0.0)
        return counted, newest

    def _judge(self, objective: Objective) -> Judge | None:
        """Return what says whether an answer is true; its eval sets are read once."""
        sets = objective.eval_sets
        if sets and sets not in self._judges:
            from flows.serving.judging_answers import judge_by

            self._judges[sets] = judge_by(sets)
        return self._judges.get(sets)

    def _of_log(
        self, model: str, objectives: dict[str, Objective], now: datetime
    ) -> dict[str, Counted]:
        elsewhere = (*OF_GATEWAY, *OF_SAMPLES)
        told = {name: one for name, one in objectives.items() if one.of not in elsewhere}
        start = self._next.get(model, self._began)
        settled = max(start, _hour(now - _SETTLED))
        old = self._count(model, told, start, settled)
        for name, one in old.items():
            self._settled[model, name] = _sum(self._settled.get((model, name), Counted()), one)
        self._next[model] = settled
        new = self._count(model, told, settled, now + _HOUR)
        return {name: _sum(self._settled[model, name], new[name]) for name in told}

    def _count(
        self, model: str, told: dict[str, Objective], since: datetime, until: datetime
    ) -> dict[str, Counted]:
        found = {name: [0, 0] for name in told}
        if told and since < until:
            with TemporaryDirectory(prefix="paddock-slo-") as scratch:
                for row in rows_between(self._store, model, since, until, Path(scratch)):
                    for name, objective in told.items():
                        bad = is_bad(objective, row, self._judge(objective))
                        found[name][0] += bad is not None
                        found[name][1] += bool(bad)
        return {name: Counted(*both) for name, both in found.items()}


def _sum(one: Counted, other: Counted) -> Counted:
    return Counted(one.requests + other.requests, one.bad + other.bad)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
