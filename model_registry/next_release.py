"""Whose turn it is to make the next release of a model, and closing one that died half-way.

Needs a Registry; writes the turns (claims.py), and closes releases.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from data_contracts.errors import InputError
from model_registry.candidates import candidate_name, list_candidates
from model_registry.claims import Turn, turn
from model_registry.releases import Release, finish_release, read_record
from model_registry.standing import read_standing
from model_registry.tracking import Registry


@contextmanager
def next_turn(registry: Registry, name: str) -> Generator[Turn]:
    """Be the only one to make the release that follows the last one."""
    while True:
        anchor = _anchor(registry, name)
        with turn(registry, anchor) as mine:
            if _anchor(registry, name) == anchor:
                yield mine
                return


def settle(registry: Registry, name: str) -> Release | None:
    """Close a release that moved the alias and was not closed; return it if this did so.

    Who made it may be at work still: then this waits until it is closed.
    """
    if read_standing(registry, name).moving is None:
        return None
    with next_turn(registry, name) as mine:
        now = read_standing(registry, name)
        if now.moving is None or now.champion is None:
            return None
        evidence = {"closed": "by whoever came next"}
        return finish_release(registry, name, now.moving, now.champion, evidence, mine)


def _anchor(registry: Registry, name: str) -> str:
    """Return the run that the next release follows; before the first, the oldest candidate's."""
    last = read_record(registry, name).last
    if last is not None:
        return last.run
    candidates = list_candidates(registry, name)
    if not candidates:
        raise InputError(
            f"there is no version of {candidate_name(name)}",
            step="release",
            remedy="`paddock run` makes a candidate",
        )
    return candidates[-1].run
