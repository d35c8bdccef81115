"""`paddock incident show`: an incident's page, of bundle, replay and what holds now."""

from __future__ import annotations

from data_contracts.errors import IntegrityError
from flows.incidents.facts import Facts
from flows.incidents.mitigating import remedies
from flows.incidents.page import html
from flows.incidents.words import Told, summary, text
from flows.workshop.parts import Workshop
from tasks.incidents.bundle import Move, every, find, folder_of, named
from tasks.incidents.replay import newest_replay

PAGE = "incident.html"


def told_of(workshop: Workshop, identity: str) -> Told:
    """Return all that is told of an incident; InputError if there is none of that id."""
    bundle, digest = named(workshop.store, identity)
    facts = Facts(workshop, bundle.name, _unsaid)
    later = [one for one in facts.tenures(bundle.name) if one.since >= bundle.until]
    moves: tuple[Move, ...] = facts.moves(later)
    replay = newest_replay(workshop.store, bundle.name, identity)
    return Told(bundle, digest, replay, remedies(workshop, bundle), moves)


def _unsaid(_: str) -> str:
    """Leave a reason out: it was written since, and no redactor is loaded to look at it."""
    return ""


def shown(workshop: Workshop, identity: str) -> tuple[str, str]:
    """Write the page; return what the terminal shows, and where the page lies."""
    told = told_of(workshop, identity)
    key = f"{folder_of(told.bundle.name, identity)}/{PAGE}"
    workshop.store.write(key, html(told).encode())
    where = workshop.store.local_path(key) or f"{workshop.store.uri}/{key}"
    return text(told), str(where)


def listed(workshop: Workshop) -> str:
    """Return a line for each incident, by model and time; one that is damaged hides no other."""
    lines: list[str] = []
    for name, identity in every(workshop.store):
        try:
            found = find(workshop.store, name, identity)
            said = summary(found[0]) if found else "gone"
        except IntegrityError as error:
            said = error.what
        lines.append(f"{identity}  {name}: {said}")
    return "\n".join(lines) or "No incident was opened yet: `paddock incident open --help`."
