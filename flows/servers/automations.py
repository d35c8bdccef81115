"""The automations of deploy/automations.yaml on a Prefect server, made and kept as they are to be.

Those that notify do so by the blocks that are set: PADDOCK_NOTIFY, and each deployed model's
`[notifications]`; without one they are not there. What people change in Prefect stays: the
description holds a digest of what was made, so what differs from it is somebody's, and is told of.
Needs a Prefect server with an address in the environment; writes there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from flows.workshop.settings import CHECKOUT

FILE = CHECKOUT / "deploy" / "automations.yaml"
_MADE = re.compile(r"^Made by Paddock \(([0-9a-f]{12})\)\.")


def make_automations(client: SyncPrefectClient, blocks: Iterable[str]) -> list[str]:
    """Make automations what they are to be; return a line for what notifies anew, or differs."""
    said: list[str] = []
    known = {one: _block_id(client, one) for one in sorted(set(blocks))}
    said += [
        f"{name} is no block of this Prefect server: no automation tells people by it"
        for name, found in known.items()
        if found is None
    ]
    told_by = [found for found in known.values() if found]
    for wanted, notifies in _wanted(told_by):
        there = client.read_automations_by_name(wanted.name)
        said += _settle(client, wanted, there, notifies=notifies)
    return said


def _wanted(blocks: list[str]) -> Iterator[tuple[AutomationCore, bool]]:
    """Yield each automation, and whether it notifies: that of no block has no actions."""
    told = yaml.safe_load(FILE.read_text("utf-8"))
    for entry in told["automations"]:
        yield AutomationCore.model_validate(entry), False
    for entry in told["notifications"]:
        message = {"type": "send-notification", **entry.pop("message")}
        actions = [{**message, "block_document_id": block} for block in blocks]
        yield AutomationCore.model_validate({**entry, "actions": actions}), True


def _settle(
    client: SyncPrefectClient, wanted: AutomationCore, there: list[Automation], *, notifies: bool
) -> Iterator[str]:
    made = _digest(wanted)
    ready = wanted.model_copy(update={"description": f"Made by Paddock ({made})."})
    if not there:
        if wanted.actions:
            client.create_automation(ready)
            if notifies:
                yield f"automation {wanted.name}: made"
        return
    first, *_ = there
    known = _MADE.match(first.description)
    if (stands := _digest(first)) == made:
        if not known:  # of an earlier build
            client.update_automation(first.id, ready)
    elif not known or stands != known[1]:
        if wanted.actions:
            yield f"automation {wanted.name}: stays as it was changed in Prefect"
    elif wanted.actions:
        client.update_automation(first.id, ready)
        yield f"automation {wanted.name}: as the file and the blocks that are set say"
    else:
        client.delete_automation(first.id)
        yield f"automation {wanted.name}: taken away, since no block is set"


def _digest(one: AutomationCore) -> str:
    told = one.model_dump(mode="json", include={"name", "enabled", "trigger", "actions"})
    for names in ("after", "expect", "for_each"):  # sets, in no order of their own
        if names in told["trigger"]:
            told["trigger"][names] = sorted(told["trigger"][names])
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _block_id(client: SyncPrefectClient, name: str) -> str | None:
    """Return the id of a block that is named `type/name`; None where there is none."""
    kind, _, called = name.partition("/")
    try:
        found: Any = client.read_block_document_by_name(called, kind)
    except ObjectNotFound:
        return None
    return str(found.id)
