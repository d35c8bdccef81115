"""What this machine has, beside what a run needs: interpreter, libraries, processor, space, models.

Needs the settings; writes nothing, and loads no model.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from data_contracts.errors import InputError
from flows.checking.checks import Check
from flows.workshop.settings import CHECKOUT, Settings
from tasks.finetuning.base_model import EMBEDDED
from tasks.models.hardware import device_and_precision
from tasks.redaction.names.model import ANY, languages_of, models_named

PYTHONS = ((3, 11), (3, 12))
# Of the embedded base: what a run took, and what three of them left (docs/production.md).
MEMORY, SPACE, LEAST_SPACE = 3 << 30, 5 << 30, 64 << 20
_MEMORY = Path("/proc/meminfo")
_GPU = Path("/proc/driver/nvidia/version")
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)$", re.MULTILINE)


def machine(settings: Settings) -> Iterator[Check]:
    """Look at interpreter, cores, memory and space."""
    found = sys.version_info[:2]
    said = ".".join(map(str, sys.version_info[:3]))
    if found in PYTHONS:
        yield Check("Python", "ok", said)
    else:
        yield Check("Python", "broken", said, "make a .venv with Python 3.11 or 3.12")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("cores", "ok" if (cores or 1) > 1 else "look", f"{cores}")
    yield _memory()
    yield _space(settings)


def _memory() -> Check:
    try:
        said = dict(re.findall(r"^(\w+):\s+(\d+) kB$", _MEMORY.read_text(), re.MULTILINE))
        free, whole = int(said["MemAvailable"]) << 10, int(said["MemTotal"]) << 10
    except (OSError, KeyError):
        return Check("memory", "look", "this system does not say how much there is")
    text = f"{_gib(free)} of {_gib(whole)} free; a run of the embedded base takes {_gib(MEMORY)}"
    if free >= MEMORY:
        return Check("memory", "ok", text)
    return Check("memory", "look", text, "end what else runs; larger bases need more")


def _space(settings: Settings) -> Check:
    place = next(p for p in (settings.home, *settings.home.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    text = f"{_gib(free)} free at the home; three runs of the embedded base left about 3.5 GiB"
    if free >= SPACE:
        return Check("space", "ok", text)
    todo = "`paddock clean` says what can go; or point PADDOCK_HOME elsewhere"
    return Check("space", "broken" if free < LEAST_SPACE else "look", text, todo)


def libraries() -> Iterator[Check]:
    """Compare what is installed with what is pinned, and say what torch computes with."""
    lock = CHECKOUT / "requirements.lock"
    pinned = dict(_PIN.findall(lock.read_text())) if lock.exists() else {}
    other = [
        f"{name} {found}" for name, wanted in pinned.items() if (found := _other(name, wanted))
    ]
    if other:
        shown = ", ".join(other[:4]) + (f" and {len(other) - 4} more" if len(other) > 4 else "")
        yield Check("libraries", "look", f"not as pinned: {shown}", "run `make setup`")
    else:
        yield Check("libraries", "ok", f"{len(pinned)} as pinned")
    device, precision = device_and_precision()
    said = f"torch {version('torch')} on {device}, fast in {precision}"
    if device == "cpu" and _GPU.exists():
        yield Check("torch", "look", f"{said}, and a GPU is here", "install torch built for CUDA")
    else:
        yield Check("torch", "ok", said)


def _other(name: str, wanted: str) -> str:
    """Return what of a package is installed, where that is not what is pinned."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return "is missing"
    return "" if found.partition("+")[0] == wanted.partition("+")[0] else found


def models(settings: Settings) -> Iterator[Check]:
    """Look for the model that finds names, and for the base that ships with Paddock."""
    for wanted, said in models_named(settings.names_model):
        try:
            languages = " ".join(said or languages_of(wanted)).replace(ANY, "any language")
            yield Check("names model", "ok", f"{wanted} ({languages})")
        except InputError:
            yield Check(
                "names model",
                "broken",
                f"{wanted} is not installed: ingestion stops without it",
                "run `make setup`, or correct PADDOCK_NAMES_MODEL",
            )
    for name, package in EMBEDDED.items():
        found = find_spec(package)
        places = list(found.submodule_search_locations or ()) if found else []
        if any(file for place in places for file in Path(place).glob("*.gguf")):
            yield Check("embedded base", "ok", name)
        else:
            yield Check(
                "embedded base",
                "look",
                f"the package {package} is not installed",
                "run `make setup`, or name another base with --base",
            )
    if command := settings.serve_command:
        program = command.split()[0]
        there = shutil.which(program) is not None
        todo = "" if there else "correct PADDOCK_SERVE_COMMAND"
        yield Check("serve command", "ok" if there else "broken", program, todo)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
