"""What `paddock chaos` does: faults on purpose, and what users got meanwhile."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from flows.asking.chaos_parameters import ChaosParameters, seconds_of
from flows.command.readying import make_ready
from flows.command.words import Options
from flows.workshop.settings import read_settings

LOGGER = logging.getLogger("paddock")


def chaos(parameters: ChaosParameters, options: Options) -> int:
    """Make it, and say what users got. Ctrl-C ends the faults too."""
    make_ready(options, servers=False)
    from flows.serving.chaos import Chaos
    from flows.serving.chaos_run import make, words
    from flows.workshop.parts import Workshop

    delay_ms = round(seconds_of(parameters.delay) * 1000)
    wanted = Chaos(
        began=datetime.now(UTC),
        seconds=seconds_of(parameters.lasts),
        abort=parameters.abort,
        delayed=parameters.delayed if delay_ms else 0,
        delay_ms=delay_ms,
        hit=parameters.hit,
    )
    LOGGER.info("chaos of %s for %g s: %s …", parameters.name, wanted.seconds, wanted.words)
    counting = make(Workshop(read_settings(), "serving"), parameters.name, wanted)
    LOGGER.info("%s", words(counting, wanted))
    return 0
