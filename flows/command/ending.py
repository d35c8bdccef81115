"""What `paddock down` does."""

from __future__ import annotations

import logging

from flows.asking.parameters import Parameters
from flows.command.readying import prepare_home
from flows.command.words import Options
from flows.servers.down import end
from flows.workshop.settings import read_settings

LOGGER = logging.getLogger("paddock")


def down(_: Parameters, __: Options) -> int:
    """End the servers of this home, and say so."""
    prepare_home()
    LOGGER.info("%s", end(read_settings()))
    return 0
