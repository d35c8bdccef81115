"""What a serving promises: the `[slo]` table of its specification, and who is told if it is not.

An objective is a share of good requests over `days`. What it counts is one of `COUNTED`; the rest
follows from target and window (burning.py). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "slo"
Counted = Literal[
    "success", "latency", "first_byte", "truncated", "rated", "hallucinated", "judged", "recall"
]
# In words, for tables and alerts: what a bad request is.
COUNTED: Mapping[Counted, str] = {
    "success": "failed, or an answer without a word",
    "latency": "slower than its limit",
    "first_byte": "first byte later than its limit",
    "truncated": "an answer, or a question, that was cut",
    "rated": "rated bad by who asked",
    "hallucinated": "not true, by the cases that ask the same",
    "judged": "found bad by the judge of each night's sample",
    "recall": "a question whose passages the index that serves did not find among its first five",
}
OF_GATEWAY = ("success", "latency", "first_byte")
OF_SAMPLES = ("judged", "recall")  # looked at once a day; the others are read from the log
OF_QUALITY = ("hallucinated", *OF_SAMPLES)  # a share that is estimated, so it has an interval
LEAST_JUDGED = 100
STALE_HOURS = 50.0  # two days and a little: one look may fail, and is then made up for
_TIMED = ("latency", "first_byte")


class Objective(Frozen):
    """So large a share of the requests is to be good."""

    of: Counted = Field(description="What is counted.")
    target: float = Field(gt=0, lt=1, description="The share that is to be good: 0.999.")
    at_most_ms: float | None = Field(
        default=None, gt=0, description="Of latency and first_byte: what is slower is bad."
    )
    least_rate: float = Field(
        default=0.0, ge=0, description="Requests a minute below which its alerts rest."
    )
    least: int | None = Field(
        default=None,
        ge=1,
        description="Of judged answers and questions: how many a window needs to tell anything. "
        f"None: {LEAST_JUDGED}.",
    )
    eval_sets: tuple[str, ...] = Field(
        default=(), description="Of hallucinated: the eval sets whose cases say what is true."
    )
    worst: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="No alert waits for a larger share of bad requests: what is broken may show no "
        "more.",
    )
    severity: Literal["page", "ticket"] = Field(
        default="page", description="The most urgent that its alerts may be."
    )
    owner: str = Field(default="", description="Who is told. Empty: the owner of all.")
    runbook: str = Field(default="", description="An address. Empty: the pages in docs/runbooks.")
    pauses: bool = Field(
        default=False, description="While its budget burns nothing is promoted, no canary goes on."
    )

    @model_validator(mode="after")
    def _can_be_missed(self) -> Self:
        if (self.of in _TIMED) != (self.at_most_ms is not None):
            raise ValueError("at_most_ms is for latency and first_byte, and these need it")
        if (self.of == "hallucinated") != bool(self.eval_sets):
            raise ValueError("eval_sets are for hallucinated, and it needs some: who else knows?")
        if self.least is not None and self.of not in OF_QUALITY:
            raise ValueError(f"least is for {', '.join(OF_QUALITY)}; others have least_rate")
        if self.worst <= self.allowed:
            raise ValueError(
                "worst is no more than what the target allows: nothing could ever burn"
            )
        return self

    @property
    def needed(self) -> int:
        """Return how many a window must count before anything is said of it."""
        return (self.least or LEAST_JUDGED) if self.of in OF_QUALITY else 0

    @property
    def allowed(self) -> float:
        """Return the share that may be bad."""
        return round(1 - self.target, 12)


_DEFAULTS = {
    "success": Objective(of="success", target=0.999),
    "latency": Objective(of="latency", target=0.95, at_most_ms=10_000),
    "first_byte": Objective(of="first_byte", target=0.95, at_most_ms=2_000, severity="ticket"),
    "truncated": Objective(of="truncated", target=0.95, severity="ticket"),
    "rated": Objective(of="rated", target=0.9, severity="ticket"),
}


class Promises(Frozen):
    """All objectives of a model, by a name each, over the same days."""

    # Sloth's windows are for a month; of a week they would end after its budget is gone.
    days: int = Field(default=30, ge=28, le=90, description="The days that a budget is for.")
    owner: str = Field(default="serving", min_length=1, description="Who is told.")
    prometheus: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where a Prometheus with these rules answers: then its alerts pause releases. "
        "Empty: the inference log is read.",
    )
    objectives: dict[str, Objective] = Field(default_factory=lambda: dict(_DEFAULTS))

    @model_validator(mode="after")
    def _plainly_named(self) -> Self:
        for name in self.objectives:
            if not name.replace("_", "a").isalnum() or not name.isascii():
                raise ValueError(
                    f"{name!r} is no name of an objective: letters, digits and _ alone"
                )
        return self

    @property
    def pausing(self) -> tuple[str, ...]:
        """Return the objectives that may hold releases."""
        return tuple(name for name, one in self.objectives.items() if one.pauses)


def promises_of(table: Mapping[str, Any], where: str) -> Promises:
    """Return what a table `[slo]` promises; the defaults where it is empty.

    An objective of one's own needs `of` only where its name says no kind. InputError says what it
    cannot be.
    """
    given = dict(table)
    if isinstance(own := given.get("objectives"), Mapping):
        given["objectives"] = {name: _named(name, one) for name, one in own.items()}
    try:
        return Promises.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"the table [slo] cannot be read: {place}: {first['msg']}".replace(": :", ":"),
            step=STEP,
            where=where,
            remedy="write it as docs/slo.md shows, or leave it out: the defaults hold",
        ) from None


def _named(name: str, given: Any) -> Any:
    return {"of": name, **given} if isinstance(given, Mapping) and name in COUNTED else given
