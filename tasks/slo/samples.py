"""What a look found of a promise that is looked at once a day, kept in the store, a file a look.

`slo-looks/<model>/<kind>/<time>.json`. A file is written once and never changed, and what stands
there only grows, so that the sums are counters. Where none is new, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.errors import IntegrityError
from data_contracts.records import Frozen
from tasks.slo.objectives import STEP, Counted
from tasks.storage.objects import ObjectStore


class Sample(Frozen):
    """How many were judged at a moment, how many of them were bad, and the digest of what."""

    kind: Counted
    time: AwareDatetime
    requests: int = Field(ge=0)
    bad: int = Field(ge=0)
    about: str


def _folder(model: str, kind: Counted) -> str:
    return f"slo-looks/{model}/{kind}"


def keep_sample(store: ObjectStore, model: str, sample: Sample) -> str:
    """Write what a look found, and return its key."""
    moment = sample.time.astimezone(UTC)
    key = f"{_folder(model, sample.kind)}/{moment:%Y%m%dT%H%M%S%f}.json"
    store.write(key, sample.model_dump_json(indent=1).encode())
    return key


def keys_of(store: ObjectStore, model: str, kind: Counted, since: datetime | None) -> Iterator[str]:
    """Yield the keys of a kind's looks since a time, the oldest first."""
    least = f"{since.astimezone(UTC):%Y%m%dT%H%M%S%f}" if since else ""
    for key in sorted(store.keys(_folder(model, kind))):
        if key.rpartition("/")[2] >= least:
            yield key


def read_sample(store: ObjectStore, key: str) -> Sample:
    """Return a look; IntegrityError if it is none of ours."""
    try:
        return Sample.model_validate_json(store.read(key))
    except ValidationError as error:
        raise IntegrityError(
            "what a look at a promise found cannot be read",
            step=STEP,
            where=f"{store.uri}/{key}",
            remedy="delete it: that day counts as not looked at",
        ) from error
