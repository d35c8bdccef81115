"""What `paddock serve` does."""

from __future__ import annotations

from flows.asking.serving_parameters import ServeParameters
from flows.command.readying import make_ready
from flows.command.words import Options
from flows.workshop.settings import read_settings


def serve(parameters: ServeParameters, options: Options) -> int:
    """Serve the champion until Ctrl-C."""
    from flows.serving.serve import serve as keep_serving
    from flows.serving.serve import specified

    specification = specified(parameters)
    make_ready(options)
    from flows.workshop.parts import Workshop

    return keep_serving(Workshop(read_settings(), "serving"), specification)
