"""Read the reference: the questions and answers the champion was trained on.

Needs a snapshot folder (data_contracts/snapshot/reading.py); writes nothing.
"""

from __future__ import annotations

import heapq
from pathlib import Path

from data_contracts.snapshot.reading import read_records
from tasks.drift.texts import exchanges


def read_reference(snapshot: Path, records: int = 2000) -> list[tuple[str, str]]:
    """Return the exchanges of up to so many records of the train split, in order of record id.

    An id is a hash of the content, so the smallest ids are a random sample, the same every time,
    and a large snapshot is never held whole. A snapshot of documents has no exchanges.
    """
    train = ((identity[::-1], record) for identity, record in read_records(snapshot, "train"))
    # The split follows from an id's first digits, so the order goes by the last ones.
    chosen = heapq.nsmallest(records, train, key=lambda pair: pair[0])
    return [pair for _, record in chosen for pair in exchanges(record.conversation())]
