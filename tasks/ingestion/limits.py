"""How much ingestion takes from outside before it refuses: files from outside are hostile."""

from __future__ import annotations

from data_contracts.records import Frozen

MiB = 1024 * 1024


class Limits(Frozen):
    """Upper bounds, in bytes unless said otherwise."""

    row_bytes: int = 4 * MiB
    json_array_bytes: int = 512 * MiB  # such a file is read as a whole
    unpacked_bytes: int = 64 * 1024 * MiB
    unpacked_ratio: int = 200  # unpacked to packed size; text packs 3 to 30 times
    ratio_checked_from: int = 64 * MiB
    files: int = 100_000
    beginning_characters: int = 1000  # kept, redacted, of a row that makes no record
    shard_bytes: int = 8 * MiB  # of a source that is worked on as one piece
    shard_rows: int = 20_000  # of a snapshot's file
