"""What the inference log says of a stretch of time: figures, and the rows that a bundle keeps.

Reads the log as streams, every row of the time; holds counts, and as many rows as are kept. The
rows are as the log has them: unredacted, where their day is not sealed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from data_contracts.inference_log import LogRow
from tasks.drift.service.measured import Measuring
from tasks.incidents.bundle import Figures, Slice
from tasks.incidents.choosing import Keeping
from tasks.inference_log.figures import OTHERS, version_of
from tasks.inference_log.items import sealed_id
from tasks.inference_log.sketch import Sketch
from tasks.inference_log.spans import rows_between
from tasks.storage.objects import ObjectStore

SLICES = 24  # of a stretch of time, in the plot
MOST_GROUPS = 50  # tenants, or versions: of more the rest is counted together
_DAY = timedelta(days=1)


@dataclass
class Counting:
    """Counts requests as they come."""

    measuring: Measuring = field(default_factory=Measuring)
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0

    def add(self, row: LogRow) -> bool:
        """Count a row; tell whether it failed."""
        before = self.measuring.failed
        self.measuring.add(row)
        if row.feedback and row.feedback.good is not None:
            self.measuring.rate(row.feedback.good)
        self.prompt_tokens += row.prompt_tokens or 0
        self.answer_tokens += row.answer_tokens or 0
        self.cost += row.cost or 0.0
        return self.measuring.failed > before

    @property
    def figures(self) -> Figures:
        """Return the counts."""
        found = self.measuring
        return Figures(
            requests=found.rows,
            failed=found.failed,
            cut=found.cut,
            rated=found.rated,
            badly=found.badly,
            prompt_tokens=self.prompt_tokens,
            answer_tokens=self.answer_tokens,
            cost=round(self.cost, 9),
            median_seconds=_quantile(found.seconds, 0.5),
            p95_seconds=_quantile(found.seconds, 0.95),
            median_first_token=_quantile(found.first_token, 0.5),
            p95_first_token=_quantile(found.first_token, 0.95),
        )


def _quantile(sketch: Sketch, share: float) -> float | None:
    found = sketch.quantile(share)
    return None if found is None else round(found, 6)


class Looked:
    """What a stretch of time was like."""

    def __init__(self, since: datetime, until: datetime, most: int) -> None:
        """Begin with nothing; keep at most so many rows."""
        self.since, self.until = since, until
        self.all = Counting()
        self.versions: dict[str, Counting] = {}
        self.tenants: dict[str, Counting] = {}
        self.variants: dict[str, Counting] = {}
        self.indexes = Counter[str]()
        self.weights: set[str] = set()  # digests that rows name
        self.keeping = Keeping(most)
        self._slices = [Counting() for _ in range(SLICES)]

    def add(self, row: LogRow) -> None:
        """Look at a row."""
        failed = self.all.add(row)
        version = version_of(row)
        # A version that is no plain key may be anything that somebody wrote.
        _of(self.versions, version if version == "-" else sealed_id(version)).add(row)
        _of(self.tenants, row.tenant or "-").add(row)
        _of(self.variants, row.variant or "-").add(row)
        if len(self.weights) < MOST_GROUPS:
            self.weights.add(row.weights)
        self.indexes.update([row.index] if row.index else [])
        place = (row.time - self.since) / (self.until - self.since)
        self._slices[min(SLICES - 1, int(place * SLICES))].add(row)
        self.keeping.add(row, failed=failed)

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Return the pieces of the time, for a plot."""
        each = (self.until - self.since) / SLICES
        return tuple(
            Slice(
                since=self.since + number * each,
                requests=one.measuring.rows,
                failed=one.measuring.failed,
                slow=_quantile(one.measuring.seconds, 0.95),
            )
            for number, one in enumerate(self._slices)
        )


def _of(groups: dict[str, Counting], name: str) -> Counting:
    if name not in groups and len(groups) >= MOST_GROUPS:
        name = OTHERS
    return groups.setdefault(name, Counting())


def figures_by(groups: Mapping[str, Counting]) -> dict[str, Figures]:
    """Return the figures of each group, the largest first."""
    ordered = sorted(groups.items(), key=lambda one: (-one[1].measuring.rows, one[0]))
    return {name: counting.figures for name, counting in ordered}


def look(
    store: ObjectStore,
    name: str,
    span: tuple[datetime, datetime],
    tenant: str,
    most: int,
    scratch: Path,
) -> Looked:
    """Return what the log says of a time, of one tenant if one is named."""
    found = Looked(*span, most)
    for row in rows_between(store, name, *span, scratch):
        if not tenant or row.tenant == tenant:
            found.add(row)
    return found


def spans_before(since: datetime, until: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return what a window is put beside: as long a time just before, the same hours before.

    The same hours are those of the day before; of a window of more than a day, so many days before
    that the two do not overlap.
    """
    length = until - since
    back = max(1, math.ceil(length / _DAY)) * _DAY
    spans = {"just before": (since - length, since)}
    if back != length:
        days = back // _DAY
        called = (
            "the same hours a day before" if days == 1 else f"the same hours {days} days before"
        )
        spans[called] = (since - back, until - back)
    return spans
