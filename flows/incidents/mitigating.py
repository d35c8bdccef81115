"""What can be done about an incident now, as commands to copy: by ledger and canary of today.

Nothing is done here. Each line says what its command does; what there is no switch for is said too.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

from flows.incidents.facts import Facts
from flows.index_notes import index_name
from flows.serving.canary_ticks import END, kind_of
from flows.workshop.parts import Workshop
from model_registry.ledger.rows import Row
from model_registry.releases import goal_of
from tasks.incidents.bundle import Bundle


class Remedy(NamedTuple):
    """Something to do: what it does, and the command; empty where there is none."""

    does: str
    command: str = ""


def remedies(workshop: Workshop, bundle: Bundle) -> list[Remedy]:
    """Return what can be done now, the quickest first, then where to look."""
    name = bundle.name
    reason = f"--name {name} --reason {shlex.quote(f'incident {bundle.id}')}"
    facts = Facts(workshop, name, str)
    found = list[Remedy]()
    canary = facts.record()
    if canary and not canary.state.ended:
        version, share = canary.state.candidate.version, canary.state.weights.canary
        kind = kind_of(canary)
        found.append(
            Remedy(
                f"take the {kind} of version {version} back: its weight goes from {share:g} % to 0",
                f"paddock {END[kind]} {reason}",
            )
        )
    rows = [one.row for one in facts.tenures(name)]
    answered = {one.digest for one in bundle.moves if one.until is None or one.until > bundle.since}
    found += _of_ledger(rows, reason, answered)
    index = [one.row for one in facts.tenures(index_name(name), needed=False)]
    if index and index[-1].serves:
        found.append(
            Remedy(
                f"put the index before version {index[-1].version} back, or take it out of service",
                f"paddock {'rollback' if goal_of(index) else 'retire'} "
                + reason.replace(f"--name {name}", f"--name {index_name(name)}"),
            )
        )
    found.append(
        Remedy(
            "retrieval has no switch of its own: `paddock serve` asks no index, so there is "
            "none to turn off in what it serves"
        )
    )
    if bundle.tenant:
        found.append(
            Remedy(
                "limit the tenant: a lower requests_per_minute for it in the serving's file "
                f"([tenants.{bundle.tenant}]), then start `paddock serve` again"
            )
        )
    found += [
        Remedy("who served when, and who approved it", f"paddock history --name {name}"),
        Remedy("what is left of each promise's budget", f"paddock slo status --name {name}"),
        Remedy("the same requests, asked again", f"paddock incident replay {bundle.id}"),
    ]
    return [*found, *(Remedy(f"not known now: {note}") for note in facts.notes)]


def _of_ledger(rows: list[Row], reason: str, answered: set[str]) -> list[Remedy]:
    """Return what the ledger lets a person do: back, or out of service.

    `answered` are the digests of what served in the window.
    """
    if not rows or rows[-1].serves is None:
        return [Remedy("nothing serves now, by the ledger")] if rows else []
    last, goal = rows[-1], goal_of(rows)
    found = list[Remedy]()
    if last.digest not in answered:
        found.append(
            Remedy(f"look first: version {last.version} serves now, and did not in the window")
        )
    if goal and goal.serves:
        careful = ""
        if goal.digest in answered and last.digest not in answered:
            careful = "; it is one that served in the window"
        found.append(
            Remedy(
                f"roll back: version {goal.version} serves again in place of version "
                f"{last.version}, verified, without a failed request{careful}",
                f"paddock rollback {reason}",
            )
        )
    found.append(
        Remedy(
            f"take version {last.version} out of service: requests get 503",
            f"paddock retire {reason}",
        )
    )
    return found
