"""`paddock serve`: the champion behind a gateway, OpenAI's API on loopback, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from data_contracts.errors import InputError
from flows.asking.serving_parameters import ServeParameters
from flows.servers.guarded import require_free, run_until_told, sole_owner
from flows.serving.champion import Release, candidate_to_serve, ready_to_serve
from flows.serving.places import Places, put
from flows.workshop.parts import Workshop
from flows.workshop.settings import CHECKOUT
from model_registry.fetching import require_approved
from tasks.canary.policy import read_policy
from tasks.serving.specification import STEP, Specification, read_specification
from tasks.slo.objectives import promises_of

DEFAULT = CHECKOUT / "deploy" / "serving.toml"
_HERE = ("127.0.0.1", "localhost", "::1")
LOGGER = logging.getLogger("paddock")


def specified(parameters: ServeParameters) -> Specification:
    """Return what is to be served how: a file, and what was said beside it."""
    path = Path(parameters.file).expanduser() if parameters.file else DEFAULT
    found = read_specification(
        path, name=parameters.name, port=parameters.port, candidate=parameters.candidate
    )
    if found.canary:
        read_policy(path)  # what cannot be one is refused here, not when a canary begins
    promises_of(found.slo, str(path))
    return found


def serve(workshop: Workshop, specification: Specification) -> int:
    """Serve until told to stop; 1 if it cannot be kept up. Refuses before anything is started."""
    places = Places(workshop.settings.home, specification.name)
    require_free(specification.host, specification.port, STEP, "name another with --port")
    places.make()
    address = f"http://{specification.host}:{specification.port}/v1"
    if specification.host not in _HERE:
        LOGGER.warning(
            "%s is reached from elsewhere, and asks nobody for a key: let only what knows your "
            "users reach it",
            address,
        )
    lock = places.folder / "serve.lock"
    with sole_owner(lock, {"address": address}, lambda holder: _taken(places, holder)) as held:
        places.state.unlink(missing_ok=True)  # of one that was killed
        release = _ready(workshop, specification, places)
        put(places.specification, specification.model_dump(mode="json"))
        put(places.release, release.model_dump(mode="json"))
        LOGGER.info(
            "starting %s with %s (%d x %d slots); logs: %s",
            release.name,
            specification.engine.kind,
            specification.engine.replicas,
            specification.engine.slots,
            places.logs,
        )
        threading.Thread(target=_tell, args=(places, address), daemon=True).start()
        words = [sys.executable, "-m", "flows.serving.keeper", specification.name]
        return run_until_told(words, held)


def _ready(workshop: Workshop, specification: Specification, places: Places) -> Release:
    name, number = specification.name, specification.candidate
    if number is None:
        LOGGER.info("verifying the champion of %s …", name)
        return ready_to_serve(workshop, specification, places.folder, LOGGER.warning)
    LOGGER.info("verifying version %d of %s, which people approved …", number, name)
    candidate = require_approved(workshop.registry, name, number, workshop.keys)
    return candidate_to_serve(workshop, specification, places.folder, candidate, LOGGER.warning)


def _tell(places: Places, address: str) -> None:
    """Say how to ask it, once it answers."""
    began = time.monotonic()
    while True:
        time.sleep(0.1)
        try:
            state = json.loads(places.state.read_text("utf-8"))
            listed = httpx.get(f"{address}/models", timeout=2).json()["data"]
            if any(entry["id"] == state["served_as"] for entry in listed):
                break
        except (OSError, ValueError, KeyError, httpx.HTTPError):
            continue
    LOGGER.info(
        "%s serves at %s after %.1f s. Ask it:\n\n  %s\n\nCtrl-C ends it.",
        state["served_as"],
        address,
        time.monotonic() - began,
        curl_line(address),
    )


def curl_line(address: str) -> str:
    """Return a line that asks it something."""
    body = {"messages": [{"role": "user", "content": "How do I return a product?"}]}
    return (
        f"curl {address}/chat/completions -H 'Content-Type: application/json' "
        f"-d {shlex.quote(json.dumps(body))}"
    )


def _taken(places: Places, holder: Mapping[str, object]) -> InputError:
    return InputError(
        f"this home serves that model already: process {holder.get('pid', 'unknown')}, at "
        f"{holder.get('address', '?')}",
        step=STEP,
        where=str(places.folder),
        remedy="use that, or end it first (Ctrl-C there, or kill the process)",
    )
