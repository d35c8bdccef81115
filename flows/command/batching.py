"""What each action of `paddock batch` does."""

from __future__ import annotations

import logging

from flows.asking.batch_parameters import BatchCommandParameters
from flows.command.readying import make_ready, started
from flows.command.words import Options
from flows.workshop.settings import read_settings

LOGGER = logging.getLogger("paddock")


def batch(parameters: BatchCommandParameters, options: Options) -> int:
    """Answer a batch, or say what it would cost; exit code 1 if a request has no answer."""
    make_ready(options)
    if parameters.action == "run":
        done = started("flows.batch", "batch", parameters.asked())
        return 1 if done.refused else 0
    from flows.asking.batch_inputs import ready
    from flows.asking.batch_places import places
    from flows.batch import describe
    from flows.workshop.parts import Workshop

    workshop, asked = Workshop(read_settings()), parameters.asked()
    places(asked)
    with ready(workshop, asked) as found:
        LOGGER.info("%s", describe(workshop, found, asked))
        return 1 if found.batch.refused else 0
