"""The accounts file: which accounts there are, what each may do, and who sits in which seat.

Needs a TOML file such as deploy/accounts.toml; writes nothing. No password stands in it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "accounts"
Role = Literal["admin", "promoter", "pipeline", "approver", "reviewer", "serving"]
ROLES: tuple[Role, ...] = get_args(Role)
# MLflow knows the people of a review queue in lower case.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")
_SEAT = re.compile(r"[a-z0-9][a-z0-9 _-]{0,30}")


class Account(Frozen):
    """What one account may do. Only an approver sits in `seats`."""

    roles: tuple[Role, ...] = Field(min_length=1)
    seats: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Account:
        if bool(self.seats) != ("approver" in self.roles):
            raise ValueError("an approver, and nobody else, sits in one or more seats")
        if wrong := [seat for seat in self.seats if not _SEAT.fullmatch(seat)]:
            raise ValueError(f"not the name of a seat: {wrong[0]!r}")
        if len(self.roles) > 1 and (alone := {"admin", "promoter", "serving"} & set(self.roles)):
            raise ValueError(f"an account that is {min(alone)} is nothing else")
        return self


class People(Frozen):
    """Every account by its name, and the registered models whose experiments are made ready."""

    models: tuple[str, ...] = ()
    accounts: dict[str, Account]

    @field_validator("accounts")
    @classmethod
    def _named(cls, accounts: dict[str, Account]) -> dict[str, Account]:
        if wrong := [name for name in accounts if not _NAME.fullmatch(name)]:
            raise ValueError(
                f"not the name of an account: {wrong[0]!r} (small letters, digits and . _ @ + -)"
            )
        return accounts

    @model_validator(mode="after")
    def _enough(self) -> People:
        for role in ("admin", "promoter"):
            if len(self.having(role)) != 1:
                raise ValueError(f"exactly one account is {role}")
        if not self.having("pipeline"):
            raise ValueError("no account is pipeline: nobody could train")
        return self

    def having(self, role: Role) -> list[str]:
        """Return the accounts of a role, in the order of the file."""
        return [name for name, account in self.accounts.items() if role in account.roles]

    def seated(self) -> dict[str, list[str]]:
        """Return the approvers of every seat."""
        seats: dict[str, list[str]] = {}
        for name, account in self.accounts.items():
            for seat in account.seats:
                seats.setdefault(seat, []).append(name)
        return dict(sorted(seats.items()))


def load_people(path: Path) -> People:
    """Read an accounts file; InputError if it cannot be used."""
    try:
        return People.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # pydantic's and TOML's errors are ValueErrors
        raise InputError(
            "the accounts file cannot be used",
            step=STEP,
            where=f"{path} ({_reason(error)})",
            remedy="correct it; deploy/accounts.toml is an example with every key explained",
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}".removeprefix(": ")
    return str(error).splitlines()[0]
