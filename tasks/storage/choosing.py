"""An output that people name: by the beginning of its digest, or as the newest of its stage."""

from __future__ import annotations

from data_contracts.errors import InputError
from tasks.storage.outputs import Outputs, Reference
from tasks.storage.stages import Stage

NEWEST = "newest"


def chosen_output(
    outputs: Outputs, stage: Stage, given: str, *, step: str, made_with: str
) -> Reference:
    """Return the output whose digest begins so, or the newest; InputError if it is not one."""
    called = stage.name
    every = sorted(outputs.every(stage), key=lambda one: one[1].created_at)
    beginning = "" if given == NEWEST else given
    fitting = [reference for reference, _ in every if reference.digest.startswith(beginning)]
    if not fitting or (beginning and len({one.digest for one in fitting}) > 1):
        what = f"there is no such {called}" if every else f"there is no {called} yet"
        raise InputError(
            f"several of stage {called} have digests that begin so" if fitting else what,
            step=step,
            where=f"{called} {given}, in {outputs.store.uri}",
            remedy=f"`{made_with}` makes one, or finds it again, and prints its digest",
        )
    return fitting[-1]
