"""When a window can be judged, and how many signals make it drift; each signal has its own."""

from __future__ import annotations

from pydantic import Field

from data_contracts.records import Frozen


class Thresholds(Frozen):
    """What counts as drift, beside the thresholds of the signals themselves.

    With the defaults no false alarm came in 360 quiet windows of 60 or 200 rows (demo desk,
    instructions, chat), and of demo windows of 200 rows in which 20 % of the customers ask about
    new things 90 % were found, with 30 % all.
    """

    min_rows: int = Field(default=50, ge=10, description="fewer rows than this are not enough data")
    max_bad_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="a log with a larger share of rows that cannot be read is not compared",
    )
    max_rows: int = Field(default=600, ge=50, description="rows sampled from either side, at most")
    alpha: float = Field(
        default=0.01, gt=0, lt=1, description="p below which a difference is believed"
    )
    signals: int = Field(default=2, ge=1, description="how many signals make a window drifted")
