"""When each index that serves was last seen to be current. Reads the store; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.index_notes import SUFFIX, current_since, index_name, noted_names
from flows.measuring.figures import Figure, figure
from tasks.storage.objects import ObjectStore


def indexes(store: ObjectStore, names: Sequence[str]) -> Iterator[Figure]:
    """Yield it of every index that the ledger or a refresh knows; 0 where nobody ever looked."""
    registered = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
    for name in sorted(registered | noted_names(store)):
        seen = current_since(store, name)
        moment = seen.timestamp() if seen else 0.0
        yield figure("paddock_index_current_timestamp_seconds", moment, model=index_name(name))
