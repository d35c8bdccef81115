"""What a person may ask of the flows and commands that lead from a candidate to the champion.

One model each, as in parameters.py. Light to import.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import NamedParameters, Parameters


class ReviewParameters(NamedParameters):
    """Ask people about answers, read back what they rated, and judge the candidate again."""

    of: Literal["candidate", "served"] = Field(
        default="candidate",
        description="Whose answers: the candidate's to its eval sets, or those the champion gave "
        "in the inference log.",
    )
    version: int | None = Field(
        default=None, ge=1, description="The candidate's version; none: the newest."
    )
    items: int | None = Field(
        default=None,
        ge=1,
        description="How many answers people are asked to rate; none: what the candidate's run "
        "asked for (24).",
    )
    half_width: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="Ask as many answers instead as the 95% interval of a share needs to be so far "
        "from its middle at most, such as 0.1.",
    )
    windows: int = Field(
        default=24,
        ge=1,
        description="Of what was served: the newest windows of the log to draw from.",
    )
    month: bool = Field(
        default=False,
        description="Of what was served: draw from the last whole month (UTC) instead. That is one "
        "sample all month long, so that looking again reads back what people said of it.",
    )


class PreferencesParameters(NamedParameters):
    """Write the answers that reviewers corrected as rows to train on."""

    out: str = Field(
        default="preferences.jsonl", description="The file to write: one JSON object a line."
    )


class PromoteParameters(NamedParameters):
    """Promote the newest candidate that people approved, or the one that is named."""

    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of the candidate; none: the newest that people approved. One that "
        "served before and was rolled back is promoted only if it is named. Naming the champion's "
        "puts it back where its alias or version was changed in MLflow.",
    )
    urgent: bool = Field(
        default=False,
        description="Promote although the error budget of what serves burns, or is spent: for the "
        "release that mends it. Gates and people's approval hold as ever.",
    )


class RollbackParameters(NamedParameters):
    """Put the previous champion back."""

    reason: str = Field(min_length=3, description="Why; it is recorded with the rollback.")


class RetireParameters(NamedParameters):
    """Take the champion out of service: nothing serves until a promotion or a rollback."""

    reason: str = Field(min_length=3, description="Why; it is recorded in the release ledger.")


class DossierParameters(NamedParameters):
    """Take a candidate's evidence along, and check it without a server."""

    action: CliPositionalArg[Literal["export", "verify"]] = Field(
        description="export: write dossier, page and signature into a folder; verify: check such a "
        "folder offline, with the public key."
    )
    version: int | None = Field(
        default=None, ge=1, description="The candidate's version; none: the newest."
    )
    folder: str = Field(default=".", description="Where to write it, or the folder to check.")
    key: str = Field(default="", description="The public key (PEM); empty: the one of this home.")


class AccountsParameters(Parameters):
    """Make an MLflow server's accounts and roles what a file says, or list them."""

    action: CliPositionalArg[Literal["apply", "list"]] = Field(
        description="apply a file (again changes nothing), or list the accounts."
    )
    file: CliPositionalArg[str] = Field(
        default="",
        description="The accounts file, as deploy/accounts.toml; empty: the one applied before.",
    )
    new_password: str = Field(
        default="",
        description="An account to give a new password, and nothing else; it is made "
        "here and kept in the home's accounts.toml.",
    )


class DecideParameters(NamedParameters):
    """Say yes or no to a candidate that waits; in MLflow's Review tab the same can be clicked."""

    version: int = Field(ge=1, description="The candidate's version.")
    approve: bool = Field(description="Approve it, or decline it.")
    person: str = Field(
        min_length=1,
        description="Who decides; on a server with accounts, who logs in: the password is read "
        "from the home's accounts.toml or PADDOCK_PASSWORD, or asked for.",
    )
    reason: str = Field(
        default="",
        description="Why; it is kept with the decision, without personal data of others.",
    )
    seat: str = Field(default="", description="The seat it is for; empty: where the person sits.")
