"""What is noted of an index in the store, so that it can be made, and asked, again.

`index-notes/<digest>/build.json` and `judge.json` are what was asked when it was made and judged;
`index-notes/current/<name>.json` says when the index that serves was last seen to be current.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from data_contracts.errors import IntegrityError
from flows.asking.index_parameters import BuildIndexParameters, EvaluateIndexParameters
from flows.asking.parameters import Parameters
from tasks.storage.objects import ObjectStore

Asked = TypeVar("Asked", bound=Parameters)
SUFFIX = "-index"


def index_name(name: str) -> str:
    """Return the registered model that a model's indexes are versions of."""
    return f"{name}{SUFFIX}"


def note_build(store: ObjectStore, digest: str, asked: BuildIndexParameters) -> None:
    """Note how an index was made, if its documents have a source that may be read again."""
    if asked.source:
        _note(store, f"{digest}/build", asked)


def note_judging(store: ObjectStore, digest: str, asked: EvaluateIndexParameters) -> None:
    """Note by which questions and policy an index was judged."""
    _note(store, f"{digest}/judge", asked)


def noted_build(store: ObjectStore, digest: str) -> BuildIndexParameters | None:
    """Return how an index was made; None if nobody noted it."""
    return _noted(store, f"{digest}/build", BuildIndexParameters)


def noted_judging(store: ObjectStore, digest: str) -> EvaluateIndexParameters | None:
    """Return how an index was judged; None if nobody noted it."""
    return _noted(store, f"{digest}/judge", EvaluateIndexParameters)


def keep_current(store: ObjectStore, name: str, digest: str, now: datetime) -> None:
    """Note that the index of a model that serves was current at a moment."""
    told = {"index": digest, "seen": now.isoformat()}
    store.write(_key(f"current/{name}"), json.dumps(told, indent=1).encode())


def noted_names(store: ObjectStore) -> set[str]:
    """Return the models whose index was ever seen to be current."""
    folder = "index-notes/current"
    return {key.rpartition("/")[2].removesuffix(".json") for key in store.keys(folder)}


def current_since(store: ObjectStore, name: str) -> datetime | None:
    """Return when the index that serves was last seen to be current; None if never."""
    key = _key(f"current/{name}")
    if not store.exists(key):
        return None
    return datetime.fromisoformat(json.loads(store.read(key))["seen"])


def _key(what: str) -> str:
    return f"index-notes/{what}.json"


def _note(store: ObjectStore, what: str, asked: Parameters) -> None:
    store.write(_key(what), asked.model_dump_json(indent=1).encode())


def _noted(store: ObjectStore, what: str, kind: type[Asked]) -> Asked | None:
    key = _key(what)
    if not store.exists(key):
        return None
    try:
        return kind.model_validate_json(store.read(key))
    except ValidationError as error:
        raise IntegrityError(
            "what was noted of an index cannot be read, or what it names is gone",
            step="index",
            where=f"{store.uri}/{key}",
            remedy="build and evaluate the index again: both note it anew",
        ) from error
