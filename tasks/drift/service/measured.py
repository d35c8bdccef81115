"""What is measured of a window's requests, as counts that are kept and can be put together.

Of every row of a window, however many there are: memory does not grow with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import Field

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen
from tasks.inference_log.sketch import Sketch

_FAILED = frozenset({"error", "failed", "abort", "aborted", "cancelled", "timeout"})
_SKETCHES = ("seconds", "first_token", "cost")
_LOW = 0.5  # of feedback's 0 to 1: below it is bad

Buckets = dict[int, int]  # of a sketch


class Measured(Frozen):
    """Counts over `rows` requests; of the others `known` says how many rows speak of each.

    `seconds`, `first_token` (both in seconds) and `cost` are a sketch's counts. An answer `failed`
    if it is empty or its finish reason says so; it is `cut` if its prompt was, or it ended at its
    limit. Of `rated` ones `badly` were rated below half.
    """

    rows: int = 0
    seconds: Buckets = Field(default_factory=dict)
    first_token: Buckets = Field(default_factory=dict)
    cost: Buckets = Field(default_factory=dict)
    failed: int = 0
    cut: int = 0
    told_cut: int = Field(default=0, description="rows that say whether they were cut")
    rated: int = 0
    badly: int = 0


@dataclass
class Measuring:
    """Counts rows as they come."""

    rows: int = 0
    failed: int = 0
    cut: int = 0
    told_cut: int = 0
    rated: int = 0
    badly: int = 0
    seconds: Sketch = field(default_factory=Sketch)
    first_token: Sketch = field(default_factory=Sketch)
    cost: Sketch = field(default_factory=Sketch)

    def add(self, row: LogRow) -> None:
        """Count a row."""
        ended, answer = row.finish_reason, row.answer
        self.rows += 1
        if ended.lower() in _FAILED or not answer or answer.isspace():
            self.failed += 1
        if row.truncated or ended == "length":
            self.cut += 1
        if ended or row.truncated is not None:
            self.told_cut += 1
        if row.seconds is not None:
            self.seconds.add(row.seconds)
        if row.first_token_seconds is not None:
            self.first_token.add(row.first_token_seconds)
        if row.cost is not None:
            self.cost.add(row.cost)

    def rate(self, good: float) -> None:
        """Count a rating, 0 to 1."""
        self.rated += 1
        self.badly += good < _LOW

    def measured(self) -> Measured:
        """Return the counts."""
        return Measured(
            rows=self.rows,
            seconds=self.seconds.counts,
            first_token=self.first_token.counts,
            cost=self.cost.counts,
            failed=self.failed,
            cut=self.cut,
            told_cut=self.told_cut,
            rated=self.rated,
            badly=self.badly,
        )


def together(parts: Iterable[Measured]) -> Measured:
    """Return the counts of several windows as one."""
    numbers, sketches = Counter[str](), {name: Counter[int]() for name in _SKETCHES}
    for part in parts:
        for name, value in part:
            if name in sketches:
                sketches[name].update(value)
            else:
                numbers[name] += value
    kept = {name: dict(sorted(counts.items())) for name, counts in sketches.items()}
    return Measured.model_validate({**numbers, **kept})
