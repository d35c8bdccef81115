"""What a person may ask of `paddock incident`, and of the flow that it is in Prefect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic_settings import CliPositionalArg

from data_contracts.errors import InputError
from data_contracts.log_values import Plain
from flows.asking.naming import absolute_file
from flows.asking.parameters import Name, NamedParameters, Parameters
from tasks.incidents.bundle import ID, STEP, Asked

MOST, MOST_REPLAYED = 500, 50
_REPLAYED = r"^(champion|previous|candidate|[1-9][0-9]*)$"


def moment(text: str) -> datetime:
    """Return a time as people write it; one without a zone is UTC. ValueError if it is none."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _readable(text: str) -> str:
    if text:
        try:
            moment(text)
        except ValueError:
            raise ValueError("write a time as 2026-03-01T14:00, which is UTC") from None
    return text


def _as_text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


Moment = Annotated[str, BeforeValidator(_as_text), AfterValidator(_readable)]
Which = Annotated[str, Field(pattern=_REPLAYED)]


class _Window(Parameters):
    """A stretch of time of a model's serving."""

    model_config = ConfigDict(populate_by_name=True)

    since: Moment = Field(
        default="",
        alias="from",
        description="open: when it began, as 2026-03-01T14:00 (UTC, unless a zone is said).",
    )
    until: Moment = Field(default="", alias="to", description="open: when it ended.")
    tenant: Plain = Field(default="", description="Only the requests of this tenant. Empty: all.")
    names: bool = Field(
        default=True,
        description="Names, places and organizations are taken out too, not forms alone.",
    )
    file: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="The serving's TOML file. Empty: as this home served it last, else "
        "deploy/serving.toml.",
    )


class IncidentParameters(_Window):
    """A stretch of time in which serving was bad: what is known of it, asked again, on a page."""

    action: CliPositionalArg[Literal["open", "replay", "show"]] = Field(
        description="open: gather what is known of a time into a bundle, redacted, that stays: "
        "ledger, canary, figures, requests, digests, settings. replay: ask its requests again, of "
        "each version that is named, and say which token differs first. show: its page; without an "
        "id the list of all."
    )
    id: CliPositionalArg[str] = Field(
        default="", pattern=f"{ID}|^$", description="replay, show: the incident, as open named it."
    )
    name: Name = Field(default="help-desk", description="open: the registered model.")
    most: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description=f"open: keep at most so many requests ({MOST} unless said). replay: ask at "
        f"most so many again ({MOST_REPLAYED} unless said).",
    )
    against: tuple[Which, ...] = Field(
        default=(),
        description="replay: champion, previous, candidate (the newest that people approved) or "
        "the number of a version that served; several, with commas. Empty: champion and previous.",
    )


class IncidentRunParameters(_Window, NamedParameters):
    """Open an incident, and ask its requests again."""

    since: Moment = Field(
        alias="from",
        min_length=1,
        description="When it began, as 2026-03-01T14:00 (UTC, unless a zone is said).",
    )
    until: Moment = Field(alias="to", min_length=1, description="When it ended.")
    most: int = Field(
        default=MOST, ge=1, le=10_000, description="Keep at most so many requests in the bundle."
    )
    replayed: int = Field(
        default=MOST_REPLAYED, ge=0, le=10_000, description="Ask at most so many again; 0: none."
    )
    against: tuple[Which, ...] = Field(
        default=(), description="Of which versions, as in `paddock incident replay`."
    )


def asked_of(name: str, since: str, until: str, *, tenant: str, most: int, names: bool) -> Asked:
    """Return what a bundle is asked for; InputError where an end is missing, or comes first."""
    if since and until and moment(since) < moment(until):
        begin, end = moment(since), moment(until)
        return Asked(name=name, since=begin, until=end, tenant=tenant, most=most, names=names)
    raise InputError(
        "it ends before it begins" if since and until else "it needs both ends of the time",
        step=STEP,
        where=f"{since or '?'} to {until or '?'}",
        remedy="as --from 2026-03-01T14:00 --to 2026-03-01T15:00, which is UTC",
    )
