"""When a window can be judged; how large a change matters is each signal's to say."""

from __future__ import annotations

from pydantic import Field

from data_contracts.records import Frozen
from tasks.drift.quiet import Budget


class Thresholds(Frozen):
    """What a window needs to be judged, and how often one without drift may look drifted."""

    min_rows: int = Field(default=50, ge=10, description="fewer rows than this are not enough data")
    max_bad_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="a log with a larger share of rows that cannot be read is not compared",
    )
    max_rows: int = Field(default=10_000, ge=50, description="rows drawn from either side, at most")
    service_alarms: float = Field(
        default=0.01, gt=0, lt=0.5, description="of usual windows, those that may look badly served"
    )
    budget: Budget = Field(default_factory=Budget)
