"""A chaos from its first refusal to what users got: what `paddock chaos` does.

It is refused beside a canary or an experiment (each would be judged by faults that are not its own,
and neither begins beside it), where the gateway is reached from elsewhere, and while an error
budget burns that pauses releases. Users meet these faults, so they spend the error budgets as any
other: what was made is kept in the store, `chaos/<name>/<time>.json`, and `paddock slo status` says
how much of what is bad that was.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import httpx
from pydantic import ValidationError

from data_contracts.errors import InputError, PaddockError
from data_contracts.records import Frozen
from flows.serving.canary_ticks import Site, kind_of
from flows.serving.chaos import Chaos, asked, require_calm
from flows.serving.places import Places, put
from flows.serving.promised import pause_of_releases
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from tasks.canary.latency import Histogram
from tasks.serving.gateway.admin import ask
from tasks.serving.gateway.counted import EDGES_MS, STATS
from tasks.serving.gateway.scraped import EDGES, page_of
from tasks.slo.counting import gateway_counts
from tasks.slo.objectives import COUNTED, OF_GATEWAY, Promises, promises_of
from tasks.storage.objects import ObjectStore

STEP = "chaos"
_HERE = ("127.0.0.1", "localhost", "::1")
_LOOK_SECONDS, _FLUSH_SECONDS, _LATE_SECONDS = 0.25, 2.5, 10.0


class Made(Frozen):
    """A chaos that was made, and what users got meanwhile; None where nobody saw its end."""

    chaos: Chaos
    requests: int | None = None
    errors: int | None = None


class Counting:
    """What a gateway counts while it is watched; one that starts again goes on from 0."""

    def __init__(self, promises: Promises) -> None:
        """Begin with nothing."""
        self.objectives = {
            name: one for name, one in promises.objectives.items() if one.of in OF_GATEWAY
        }
        self._last: dict[str, float] | None = None
        self.sums: dict[str, float] = {}

    def add(self, page: str) -> None:
        """Take what came since the last page."""
        now, last = self._totals(page), self._last
        anew = last is None or any(now[key] < last[key] for key in now)
        for key, value in now.items():
            before = 0.0 if last is None or anew else last[key]
            self.sums[key] = self.sums.get(key, 0.0) + (value - before if last else 0.0)
        self._last = now

    @property
    def p95(self) -> float | None:
        """Return the 95th percentile of good answers' waits in ms; None without one."""
        cumulative = [int(self.sums.get(f"wait {place}", 0)) for place in range(len(EDGES) + 1)]
        counts = tuple(b - a for a, b in zip([0, *cumulative], cumulative, strict=False))
        return Histogram(edges=EDGES, counts=counts).quantile(0.95)

    def count(self, key: str) -> int:
        """Return a sum."""
        return int(self.sums.get(key, 0))

    def _totals(self, page: str) -> dict[str, float]:
        arms = page_of(page).arms.values()
        found: dict[str, float] = {
            "requests": sum(arm.requests for arm in arms),
            "errors": sum(arm.errors for arm in arms),
        }
        for place in range(len(EDGES) + 1):
            found[f"wait {place}"] = sum(arm.waits[place] for arm in arms)
        for name, objective in self.objectives.items():
            counted = gateway_counts(objective, page, EDGES_MS)
            found |= {f"{name} of": counted.requests, f"{name} bad": counted.bad}
        return found


def make(workshop: Workshop, name: str, wanted: Chaos) -> Counting:
    """Make faults, watch until they are over, and return what was counted.

    InputError where it may not be; PaddockError if the serving ended meanwhile.
    """
    places = Places(workshop.settings.home, name)
    site = Site(workshop.store, places, name)
    promises = _allowed(workshop, places, name)
    counting = Counting(promises)
    with site.alone():
        _require_alone(site, places, name)
        counting.add(_page(places))
        put(places.chaos, json.loads(wanted.model_dump_json()))
    key = f"chaos/{name}/{wanted.began:%Y%m%dT%H%M%S%f}.json"
    workshop.store.write(key, Made(chaos=wanted).model_dump_json(indent=1).encode())
    try:
        _watch(places, wanted, counting)
    finally:
        if asked(places) == wanted:
            places.chaos.unlink(missing_ok=True)
    made = Made(chaos=wanted, requests=counting.count("requests"), errors=counting.count("errors"))
    workshop.store.write(key, made.model_dump_json(indent=1).encode())
    return counting


def words(counting: Counting, wanted: Chaos) -> str:
    """Return what users got, beside what was promised."""
    requests, errors = counting.count("requests"), counting.count("errors")
    if not requests:
        return "Nobody asked anything meanwhile: nothing is known. `paddock load` sends requests."
    p95 = counting.p95
    lines = [
        f"What users got while {wanted.words}: {requests:,} requests, {errors:,} failed (success "
        f"{1 - errors / requests:.2%}), p95 of good answers "
        f"{'unknown' if p95 is None else f'{p95:,.0f} ms'}.",
    ]
    for name, objective in counting.objectives.items():
        of, bad = counting.count(f"{name} of"), counting.count(f"{name} bad")
        if of:
            kept = "kept" if bad / of <= objective.allowed else "MISSED"
            lines.append(
                f"  {name}: {bad:,} of {of:,} {COUNTED[objective.of]} ({bad / of:.2%}; "
                f"{objective.allowed:.4g} may be): {kept} meanwhile"
            )
    return "\n".join([*lines, "They count in the error budgets: users met them."])


def made_since(store: ObjectStore, name: str, since: datetime) -> tuple[Made, ...]:
    """Return the chaos that was made of a model since a time; what cannot be read is none."""
    found: list[Made] = []
    for key in store.keys(f"chaos/{name}"):
        try:
            made = Made.model_validate_json(store.read(key))
        except ValidationError:
            continue
        if made.chaos.began >= since:
            found.append(made)
    return tuple(found)


def told(made: tuple[Made, ...]) -> str:
    """Return the chaos of a time in a sentence; empty if there was none."""
    if not made:
        return ""
    requests = sum(one.requests or 0 for one in made)
    errors = sum(one.errors or 0 for one in made)
    unseen = sum(one.requests is None for one in made)
    lacking = f"; of {unseen} of them nobody saw the end" if unseen else ""
    return (
        f"Some of it was made on purpose: in {len(made)} times of `paddock chaos` {errors:,} of "
        f"{requests:,} requests failed{lacking}."
    )


def _allowed(workshop: Workshop, places: Places, name: str) -> Promises:
    try:
        state = json.loads(places.state.read_text("utf-8"))
        found = json.loads(places.specification.read_text("utf-8"))
        host, table = httpx.URL(state["address"]).host, found.get("slo") or {}
    except (OSError, ValueError, KeyError) as error:
        raise _refused(
            "nothing serves it from this home",
            name,
            f"start `paddock serve --name {name}` on this machine first, with the same "
            "PADDOCK_HOME",
        ) from error
    if host not in _HERE:
        raise _refused(
            f"its gateway is reached from elsewhere ({host}): its users are not only yours",
            name,
            "serve a copy on loopback, and try it there",
        )
    pause = pause_of_releases(workshop, name, datetime.now(UTC))
    if pause.held:
        raise _refused(
            f"users have had enough: {pause.words}", name, "wait until the budget recovers"
        )
    return promises_of(table, str(places.specification))


def _require_alone(site: Site, places: Places, name: str) -> None:
    record = site.record()
    if record and not record.state.ended:
        kind = kind_of(record)
        raise _refused(
            f"the {kind} of version {record.state.candidate.version} is under way, and would be "
            "judged by faults that are not its own",
            name,
            f"wait for its end: `paddock {kind} status --name {name}`",
        )
    require_calm(places, name, STEP)


def _watch(places: Places, wanted: Chaos, counting: Counting) -> None:
    """Count until it is over, and until the last that waited had its answer."""
    began = time.monotonic()
    longest = began + wanted.seconds + _LATE_SECONDS
    while asked(places) == wanted:
        time.sleep(_LOOK_SECONDS)
        _count(places, counting)
        if time.monotonic() > longest or not places.specification.exists():
            raise PaddockError(
                "the serving's keeper did not end it",
                step=STEP,
                where=str(places.folder),
                remedy="end that serving; the next one begins without faults",
            )
    LOGGER.info("over after %.0f s; the last answers are waited for", time.monotonic() - began)
    end = time.monotonic() + _FLUSH_SECONDS + wanted.delay_ms / 1000
    while time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        _count(places, counting)


def _count(places: Places, counting: Counting) -> None:
    try:
        counting.add(_page(places))
    except (httpx.HTTPError, ValueError, KeyError):
        return  # the gateway is away: what it counted since the last look is lost with it


def _page(places: Places) -> str:
    return ask(places.socket, f"/stats/prometheus?filter=^{STATS}")


def _refused(what: str, name: str, remedy: str) -> InputError:
    return InputError(what, step=STEP, where=name, remedy=remedy)
