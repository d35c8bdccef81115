"""One file a model: all that a team says about it, as TOML, in its own repository or in the home.

The front and the groups of a retraining's parameters stand in it as its form shows them
(groups.py); beside them what is not asked anew in each run: schedules, drift, serving, who is told.
Relative paths are beside the file. Light to import; reads the file alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from data_contracts.errors import InputError
from flows.asking.drift_parameters import START, Start
from flows.asking.naming import absolute_source, names_beside
from flows.asking.parameters import RetrainParameters, Words
from flows.asking.quiet_hours import read_quiet

STEP = "model file"
_CRON_FIELDS = 5


def _cron(text: str) -> str:
    if text and len(text.split()) != _CRON_FIELDS:
        raise ValueError('five fields, such as "0 2 * * *"; empty: by hand only')
    return text


def _quiet(given: tuple[str, ...]) -> tuple[str, ...]:
    for one in given:
        read_quiet(one)
    return given


Cron = Annotated[str, AfterValidator(_cron)]


class Section(BaseModel):
    """A section of the file: unknown words are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedules(Section):
    """When what runs by itself, as cron expressions; empty: started by hand only."""

    timezone: str = Field(default="UTC", description="Of all of them, such as Europe/Berlin.")
    retrain: Cron = Field(default="0 2 * * *", description="Train anew on the data as they are.")
    evaluate: Cron = Field(default="0 4 * * *", description="Ask the champion the eval sets again.")
    monitor_drift: Cron = Field(
        default="5 * * * *", description="Compare what is asked with what was learned."
    )
    review: Cron = Field(default="35 * * * *", description="Ask people, read back, judge again.")
    review_served: Cron = Field(
        default="5 9 1,8,15,22 * *",
        description="Ask people about answers of the last month, then read back what they said.",
    )
    compact_log: Cron = Field(
        default="20 1 * * *", description="Seal the days of the inference log that are over."
    )
    weekly_report: Cron = Field(
        default="30 6 * * 1", description="Tell what the week was like that is over."
    )
    promote: Cron = Field(
        default="7 * * * *",
        description="Look for an approval. `paddock up` starts it as soon as there is one.",
    )


class Drift(Section):
    """What drift leads to."""

    retrain: bool = Field(default=True, description="Start a retraining; false: only report.")
    source: Annotated[str, AfterValidator(absolute_source)] = Field(
        default="",
        description="What that retraining is trained on, such as log://my-desk. Empty: the "
        "champion's own source.",
    )
    start: Start = Field(default="", description=START)
    cooldown_hours: float = Field(
        default=48, ge=0, description="After a retraining none is started for so long."
    )


class ByItself(Section):
    """What may start by itself: by schedules and drift, not by people."""

    quiet_hours: Annotated[Words, AfterValidator(_quiet)] = Field(
        default=(),
        description="No training starts in these, such as "
        '"mon-fri 08:00-18:00 Europe/Berlin"; it waits for the next look after them.',
    )
    gpu_hours_a_week: float | None = Field(
        default=None,
        gt=0,
        description="GPU hours (of a machine without) that trainings may take in seven days.",
    )
    cost_a_week: float | None = Field(
        default=None, gt=0, description="What they may cost, by limits.gpu_hour_price."
    )


class Log(Section):
    """What becomes of the inference log."""

    raw_days: int | None = Field(
        default=None,
        ge=0,
        description="Raw files of a day go so many days after it, once it is sealed. Unset: what "
        "the contract's privacy.retention_days says; without that they stay.",
    )


class Serving(Section):
    """What answers while the model is asked."""

    command: str = Field(
        default="",
        description="A model server's command with {model}, {port} and {name}. Empty: Paddock's "
        "own decoder.",
    )


class Notifications(Section):
    """Who is told what waits and what was released."""

    blocks: Words = Field(default=(), description="Prefect blocks, such as slack-webhook/releases.")


class Machine(Section):
    """Where its runs are worked on."""

    work_pool: str = Field(default="cpu", min_length=1, description="The Prefect work pool.")
    release_pool: str = Field(
        default="",
        description="The pool of promote, canary, experiment, rollback and retire, whose runs "
        "alone then need the promoter's password. Empty: the same pool.",
    )


SECTIONS: dict[str, type[Section]] = {
    "schedules": Schedules,
    "drift": Drift,
    "by_itself": ByItself,
    "log": Log,
    "serving": Serving,
    "notifications": Notifications,
    "machine": Machine,
}


class ModelFile(BaseModel):
    """A model's file, read."""

    model_config = ConfigDict(frozen=True)

    parameters: RetrainParameters
    schedules: Schedules = Schedules()
    drift: Drift = Drift()
    by_itself: ByItself = ByItself()
    log: Log = Log()
    serving: Serving = Serving()
    notifications: Notifications = Notifications()
    machine: Machine = Machine()

    @property
    def name(self) -> str:
        """Return the name of the registered model."""
        return self.parameters.name

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of its runs that differ from those of the machine."""
        wanted = {
            "PADDOCK_SERVE_COMMAND": self.serving.command,
            "PADDOCK_NOTIFY": ",".join(self.notifications.blocks),
            "PADDOCK_QUIET_HOURS": ",".join(self.by_itself.quiet_hours),
            "PADDOCK_WEEK_GPU_HOURS": self.by_itself.gpu_hours_a_week,
            "PADDOCK_WEEK_COST": self.by_itself.cost_a_week,
        }
        return {name: str(value) for name, value in wanted.items() if value}

    @model_validator(mode="after")
    def _priced(self) -> ModelFile:
        if self.by_itself.cost_a_week is not None and self.parameters.gpu_hour_price is None:
            raise ValueError("by_itself.cost_a_week needs a price: limits.gpu_hour_price")
        return self


def read_model_file(path: Path) -> ModelFile:
    """Read a model's file; InputError names the section and the word that cannot be."""
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise _refused(path, "there is no such file", "`paddock init NAME` writes one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(path, f"it cannot be read: {error}", "mend it, or write it anew") from None
    if not given.get("name"):
        raise _refused(path, "it names no model", 'begin it with name = "my-desk"')
    apart = {name: given.pop(name) for name in SECTIONS if name in given}
    with names_beside(path.absolute().parent):
        try:
            return ModelFile.model_validate({"parameters": given, **apart})
        except ValidationError as error:
            wrong = "; ".join(_wrong(entry["loc"], entry["msg"]) for entry in error.errors())
            raise _refused(path, wrong, "`paddock init --help` lists what it may say") from None


def _wrong(place: tuple[int | str, ...], message: str) -> str:
    named = [str(part) for part in place if part != "parameters"]
    message = message.removeprefix("Value error, ")
    return f"{'.'.join(named)}: {message}" if named else message


def _refused(path: Path, what: str, remedy: str) -> InputError:
    return InputError(what, step=STEP, where=str(path), remedy=remedy)
