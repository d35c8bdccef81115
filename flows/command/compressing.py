"""`paddock compress`: exit code 1 if not one of the variants may serve."""

from __future__ import annotations

from flows.asking.variant_parameters import CompressParameters
from flows.command.readying import make_ready, started
from flows.command.words import Options


def compress(parameters: CompressParameters, options: Options) -> int:
    """Compare them here."""
    make_ready(options)
    done = started("flows.compressing", "compress", parameters)
    return 0 if any(one.verdict == "passed" for one in done.variants) else 1
