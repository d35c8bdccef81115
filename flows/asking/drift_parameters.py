"""What a person may ask about drift; beside parameters.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.log_parameters import Day
from flows.asking.naming import absolute_source
from flows.asking.parameters import NamedParameters

Start = Literal["", "base", "champion"]
START = (
    "What that retraining begins at: the base, or the weights of the champion, at half of the "
    "learning rate that made it and in one pass. Empty: the champion where it is trained on a log."
)


class MonitorParameters(NamedParameters):
    """Compare what the champion is asked with what it was trained on."""

    cooldown_hours: float = Field(
        default=48, ge=0, description="Hours after a retraining in which no other is started."
    )
    retrain: bool = Field(default=True, description="Start the retraining; off: only report.")
    source: Annotated[str, AfterValidator(absolute_source)] = Field(
        default="",
        description="What that retraining is trained on, such as log://my-desk (what people found "
        "good in its log). Empty: the champion's own source, as it is now.",
    )
    start: Start = Field(default="", description=START)
    since: Day = Field(
        default="",
        description="Catch up: compare every window from this day on, as 2026-03-01, that was not "
        "compared yet, and start nothing.",
    )
    until: Day = Field(default="", description="Catch up: the last day.")


class DriftParameters(NamedParameters):
    """What drift detection can tell with the champion's data, and why it acted or did not."""

    action: CliPositionalArg[Literal["calibrate", "explain"]] = Field(
        description="calibrate: false alarms, and how much drift is found, by the size of windows; "
        "explain: why a retraining was started or was not."
    )
    windows: int = Field(
        default=200, ge=20, description="calibrate: windows of each kind that are drawn."
    )
    cooldown_hours: float = Field(
        default=48, ge=0, description="explain: as `monitor` has it: hours between retrainings."
    )


class DemoLogParameters(NamedParameters):
    """Write one window of an inference log, drawn from the demo desk."""

    window: str = Field(default="", description="Label of the window; empty: the next hour.")
    rows: int = Field(default=200, ge=1, description="Requests in the window.")
    drifted: bool = Field(default=False, description="Ask about things the desk never learned.")
    seed: int = Field(default=7, ge=0, description="Seed of the draw.")
