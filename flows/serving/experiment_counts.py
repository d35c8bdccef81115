"""An experiment's counts on this machine: the log's writer adds them up, the ticks read them.

They lie beside the raw requests, in memory: `key.json` (the experiment and the key of its groups),
`counts.json` (sums by arm, metric and group), and, where ratings are compared, `requests.jsonl`
(the arm and group of each request, as ratings come later and by a request's id). `end` deletes all
of it: whose requests were in which group can then be told by nobody.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen
from flows.serving.places import Places, put
from tasks.experiment.groups import ARMS, Sums, Tally, group_of
from tasks.experiment.metrics import Metric, values_of
from tasks.inference_log.items import read_items
from tasks.inference_log.places import log_files
from tasks.storage.objects import ObjectStore

_OWN = ".serve-"  # in the names of the files that a serving writes: no ratings are in them

Counts = dict[str, dict[str, Sums]]
Value = TypeVar("Value", bound=Frozen)


class Key(Frozen):
    """Which experiment is counted, and the key by which its users are put into groups."""

    experiment: str
    key: str = Field(repr=False)
    requests: bool


_NONE = Key(experiment="", key="", requests=False)


class _Kept(Frozen):
    experiment: str
    arms: Counts


def begin_counting(places: Places, experiment: str, metric: Metric) -> None:
    """Let the log's writer count an experiment; one that is counted already goes on."""
    found = _read(places.experiment / "key.json", Key)
    if found and found.experiment == experiment:
        return
    end_counting(places)
    places.experiment.mkdir(mode=0o700, parents=True)
    key = Key(experiment=experiment, key=secrets.token_hex(32), requests=metric == "rated")
    put(places.experiment / "key.json", key.model_dump())


def end_counting(places: Places) -> None:
    """Delete the key, and all that was counted with it."""
    shutil.rmtree(places.experiment, ignore_errors=True)


def is_counted(places: Places, experiment: str) -> bool:
    """Tell whether its key is still there: with the machine's memory it is gone."""
    found = _read(places.experiment / "key.json", Key)
    return found is not None and found.experiment == experiment


def counted(places: Places, experiment: str) -> Counts:
    """Return what the log's writer counted so far; empty before the first request."""
    found = _read(places.experiment / "counts.json", _Kept)
    return found.arms if found and found.experiment == experiment else {}


class Counting:
    """The log writer's side: `tell` hears of each row, `write` keeps what was added up."""

    def __init__(self, places: Places) -> None:
        """Count nothing until `look` finds an experiment."""
        self._places, self._folder = places, places.experiment
        self._key, self._tally = _NONE, Tally()
        self._requests = list[str]()

    def look(self) -> None:
        """See whether there is an experiment, and whether it is another than before."""
        key = _read(self._folder / "key.json", Key) or _NONE
        if key != self._key:
            self._key, self._requests = key, []
            self._tally = Tally(counted(self._places, key.experiment))

    def tell(self, row: LogRow, user: str, judged: Mapping[str, int]) -> None:
        """Count a row of one of both arms. Of the user only the group is known from here on."""
        if not self._key.experiment or row.variant not in ARMS:
            return
        group = group_of(bytes.fromhex(self._key.key), user, row.id)
        self._tally.add(row.variant, group, values_of(row, judged))
        if self._key.requests:
            self._requests.append(json.dumps([row.id, row.variant, group]))

    def write(self) -> None:
        """Keep the sums; an experiment that ended meanwhile leaves nothing."""
        if not self._key.experiment:
            return
        try:
            if self._requests:
                with (self._folder / "requests.jsonl").open("a", encoding="utf-8") as file:
                    file.write("".join(f"{line}\n" for line in self._requests))
                self._requests.clear()
            kept = _Kept(experiment=self._key.experiment, arms=self._tally.sums())
            put(self._folder / "counts.json", kept.model_dump(mode="json"))
        except FileNotFoundError:
            self._requests.clear()


def ratings(places: Places, store: ObjectStore, name: str, since: str, scratch: Path) -> Counts:
    """Return the sums of `rated`: what was said so far of the requests of both arms.

    Ratings stand in files of the log that others than the serving wrote (`paddock log import`), of
    the days from `since` on. The newest rating of a request counts.
    """
    files = [
        file
        for file in log_files(store, name)
        if file.window and file.day >= since and _OWN not in file.key
    ]
    said = {
        item.row.id: item.row.feedback.good
        for item in read_items(store, files, scratch)
        if item.row and item.row.feedback and item.row.feedback.good is not None
    }
    tally = Tally()
    for request, arm, group in _requests(places.experiment / "requests.jsonl"):
        good = said.pop(request, None)  # a request that was written twice counts once
        if good is not None:
            tally.add(arm, group, {"rated": float(good)})
    return tally.sums()


def _requests(path: Path) -> Iterator[tuple[str, str, int]]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):  # the last one may be half written
                    yield tuple(json.loads(line))
    except FileNotFoundError:
        return


def _read(path: Path, kind: type[Value]) -> Value | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
