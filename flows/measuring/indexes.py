"""When each index that serves was last seen to be current. Reads the store; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.index_notes import current_since
from flows.measuring.figures import Figure, figure
from flows.releasing_index import SUFFIX
from tasks.storage.objects import ObjectStore


def indexes(store: ObjectStore, names: Sequence[str]) -> Iterator[Figure]:
    """Yield it of every registered index; 0 where nobody ever looked."""
    for name in names:
        if name.endswith(SUFFIX):
            seen = current_since(store, name.removesuffix(SUFFIX))
            moment = seen.timestamp() if seen else 0.0
            yield figure("paddock_index_current_timestamp_seconds", moment, model=name)
