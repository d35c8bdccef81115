"""An engine of its own process: llama.cpp's server over one GGUF file, on loopback.

`python -m tasks.serving.llama_cpp FILE --port P --name NAME …`, until it is ended. `NAME` is what
its answers say of who gave them. It imports nothing heavy, so that a cold start is the loading of
the file. Greedy where a request names no temperature, since so the model was judged; prompts of
before are kept only in the slots, unless memory is given (the library's default takes 8 GiB).
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("llama.cpp")


def main() -> int:
    """Serve until told to stop; 1 if the file cannot be loaded."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    asked = _words()
    if not asked.file.is_file():
        LOGGER.error("no such file: %s", asked.file)
        return 1
    xllamacpp: Any = import_module("xllamacpp")
    server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), asked))
    LOGGER.info("ready at %s", server.listening_address)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


def _parameters(parameters: Any, asked: argparse.Namespace) -> Any:
    parameters.model.path = str(asked.file)
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        setattr(threads, "n_threads", asked.threads)  # noqa: B010 -- of a class without types
    settings = {
        "model_alias": {asked.name},
        "port": asked.port,
        "n_parallel": asked.slots,
        "n_ctx": asked.slots * asked.context,  # the slots divide it
        "cache_ram_mib": asked.cache_mib,
        "use_jinja": True,
        "endpoint_metrics": True,
        "endpoint_slots": False,  # they would tell what is asked
        "ui": False,
        "warmup": True,
        "verbosity": 0,
    }
    for name, value in settings.items():
        setattr(parameters, name, value)
    setattr(parameters.sampling, "temp", asked.temperature)  # noqa: B010
    return parameters


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    for name in ("slots", "context", "threads", "cache-mib"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--temperature", type=float, required=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
