"""Tells people what waits for them and what was released, by Prefect's notification blocks.

The setting PADDOCK_NOTIFY names blocks (`slack-webhook/releases`, `sendgrid-email/on-call`,
`custom-webhook/paddock`), made in the Prefect UI or by `prefect block`. Writes into the store that
an event was told, so that a flow that looks every few minutes tells it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from data_contracts.errors import InputError
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.approvals import Request
from model_registry.dossier import Dossier
from model_registry.releases import Release

Kind = Literal[
    "waits for approval",
    "refused",
    "promoted",
    "rolled back",
    "out of service",
    "needs a look",
    "budget is nearly spent",
    "weekly report",
    "experiment is over",
]
_KINDS: dict[str, Kind] = {"rollback": "rolled back", "out of service": "out of service"}


class Event(NamedTuple):
    """What happened to a model: `about` is what it happened to, and is told once for each kind."""

    kind: Kind
    name: str
    about: str
    text: str
    link: str = ""

    @property
    def key(self) -> str:
        """Return where in the store it stands that this was told."""
        identity = hashlib.sha256(f"{self.kind}\n{self.about}".encode()).hexdigest()
        return f"notified/{self.name}/{identity[:32]}"


def verdict_events(dossier: Dossier, asked: Request | None, server: str) -> list[Event]:
    """Return what a verdict means to people; nothing where they have decided already."""
    who = f"{dossier.candidate} version {dossier.version}"
    name = dossier.candidate.removesuffix("-candidate")
    if asked is None:
        failed = "; ".join(
            f"{r.gate.id}: {r.reason}" for r in dossier.verdict.gates if not r.passed
        )
        return [
            Event("refused", name, dossier.identity, f"{who} was refused by its gates: {failed}")
        ]
    if asked.decision.state != "pending":
        return []
    text = f"{who} passed its gates and waits for approval until {dossier.expires}."
    return [Event("waits for approval", name, dossier.identity, text, asked.page(server))]


def release_events(release: Release | None, server: str) -> list[Event]:
    """Return a move of the champion as an event; nothing where nothing moved."""
    if release is None or not release.moved:
        return []
    before = f"version {release.before}" if release.before else "nothing"
    serves = f"Version {release.version} serves" if release.version else "Nothing serves"
    text = f"{serves} now, after {before}: {release.reason}."
    kind = _KINDS.get(release.action, "promoted")
    link = f"{server.rstrip('/')}/#/models/{release.name}/versions/"
    link += str(release.version or release.before)
    return [Event(kind, release.name, f"row {release.row} {release.digest}", text, link)]


def trouble_event(name: str, what: str, remedy: str = "") -> Event:
    """Return what somebody must look at; the same trouble is told once a day."""
    today = datetime.now(UTC).date().isoformat()
    text = f"{what}. To do: {remedy}." if remedy else f"{what}."
    return Event("needs a look", name, f"{today} {what}", text)


def worse_event(name: str, worse: str) -> Event:
    """Return what people should hear of; the same signal once a day, whatever its figures."""
    event = trouble_event(name, f"served worse, {worse}", "look at what serves it")
    signal, today = worse.partition(":")[0], datetime.now(UTC).date().isoformat()
    return event._replace(about=f"{today} served worse, {signal}")


def require_blocks(settings: Settings) -> None:
    """Return if every block that is named can be loaded; InputError before anything costs."""
    for name in block_names(settings):
        _load(name)


def notify(workshop: Workshop, *events: Event) -> None:
    """Tell events that were not told yet.

    What cannot be told is said in the log and fails nothing; the next look tells it again.
    """
    names = block_names(workshop.settings)
    for event in events if names else ():
        if not _told(workshop, event) and all([_send(name, event) for name in names]):
            workshop.store.write(event.key, event.text.encode())


def block_names(settings: Settings) -> Sequence[str]:
    """Return the blocks that PADDOCK_NOTIFY names."""
    return [name for word in settings.notify.split(",") if (name := word.strip())]


def _told(workshop: Workshop, event: Event) -> bool:
    try:
        workshop.store.read(event.key)
    except FileNotFoundError:
        return False
    return True


def _send(name: str, event: Event) -> bool:
    """Return whether a block took an event; a library's own words may hold its address."""
    body = "\n".join(filter(None, (event.text, event.link)))
    try:
        block = _load(name)
        with block.raise_on_failure():  # else a message that was not taken passes for sent
            block.notify(body, subject=f"{event.name}: {event.kind}")
    except Exception as error:
        LOGGER.warning("  not told to %s (%s): %s", name, type(error).__name__, event.kind)
        return False
    LOGGER.info("  told to %s: %s", name, event.kind)
    return True


def _load(name: str) -> Any:
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    try:
        block: Any = Block.load(name)
    except Exception as error:
        raise InputError(
            "there is no such Prefect block to tell people by",
            step="settings",
            where=f"PADDOCK_NOTIFY: {name} ({type(error).__name__})",
            remedy="make it in the Prefect UI (Blocks), and write it as type/name, such as "
            "slack-webhook/releases",
        ) from None
    if not isinstance(block, NotificationBlock):
        raise InputError(
            "this Prefect block tells nobody anything",
            step="settings",
            where=f"PADDOCK_NOTIFY: {name}",
            remedy="name a notification block: Slack, e-mail, a webhook",
        )
    return block
