"""`paddock accounts`: applies an accounts file, changes a password, or lists who may do what."""

from __future__ import annotations

from pathlib import Path

from flows.asking.release_parameters import AccountsParameters
from flows.workshop.applying import apply_file, passwords_here, plan_of
from flows.workshop.logins import admin_server, make_keeper
from flows.workshop.settings import Settings
from model_registry.accounts.applying import change_password, settle_pending
from model_registry.accounts.passwords import Passwords
from model_registry.accounts.people import ROLES, Account, load_people
from model_registry.accounts.roles import role_name
from model_registry.accounts.server import User

HEADS = ("account", "roles", "seats", "on the server", "password")


def run_accounts(settings: Settings, parameters: AccountsParameters) -> str:
    """Do what was asked and return what to say, as text."""
    if parameters.action == "list":
        return _listed(settings)
    if parameters.new_password:
        return _changed(settings, parameters.new_password)
    changes = apply_file(settings, Path(parameters.file) if parameters.file else None)
    kept = f"The passwords that were made here are in {settings.accounts_file}."
    return "\n".join([*(changes or ["nothing to change"]), kept])


def _changed(settings: Settings, name: str) -> str:
    known, keep = passwords_here(settings), make_keeper(settings)
    server = admin_server(settings, known)
    change_password(server, name, settle_pending(server, known, keep), keep)
    return f"{name} has a new password, in {settings.accounts_file}"


def _listed(settings: Settings) -> str:
    """Return the accounts of the file, and whether the server has them so, as a table."""
    known = passwords_here(settings)
    people, server = load_people(plan_of(known)), admin_server(settings, known)
    users = server.users()
    rows = [HEADS, *(_row(*entry, users, known) for entry in people.accounts.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if strangers := sorted(set(users) - set(people.accounts)):
        lines.append(f"not in the file, so they may read: {', '.join(strangers)}")
    lines.append(f"file {plan_of(known)}")
    return "\n".join([*lines, f"server {server.address}, passwords {settings.accounts_file}"])


def _row(name: str, account: Account, users: dict[str, User], known: Passwords) -> tuple[str, ...]:
    user = users.get(name)
    has = {role for role in ROLES if user and role_name(role) in user.roles}
    has |= {"admin"} if user and user.admin else set()
    state = "no" if user is None else "yes" if has == set(account.roles) else "other roles"
    password = "kept here" if name in known.passwords else "its own"
    return (name, ", ".join(account.roles), ", ".join(account.seats) or "-", state, password)
