"""What is to be served: the champion by the ledger, verified, in the form that its engine loads.

Looks again and again, beside the rest: a promotion, a rollback or a retirement is followed without
a restart, and a registry that is away changes nothing of what serves. Writes exports into the
serving's folder, and takes away those that are neither served nor of the last one.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import ContractError, PaddockError
from flows.workshop.parts import Workshop
from model_registry.fetching import resolve
from tasks.exporting.folders import export
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import Specification

SECONDS = 10.0  # between two looks


@dataclass(frozen=True)
class Release:
    """A released version, ready to be served. `name` is what its answers say of who gave them."""

    version: int
    digest: str
    model: Path
    name: str


def ready_to_serve(workshop: Workshop, specification: Specification, folder: Path) -> Release:
    """Return the champion; it is written in its engine's form where that is not there yet.

    ContractError if there is none; InputError if the engine cannot load it.
    """
    address = f"{specification.name}@champion"
    row, serves = resolve(workshop.registry, address)
    adapter = ADAPTERS[specification.engine.kind]
    weights = specification.engine.weights
    kept = f"-{weights}" if adapter.format == "gguf" else ""
    place = folder / "models" / f"{serves.version}-{serves.digest[:12]}-{adapter.format}{kept}"
    numbered = f"{row.name}/{serves.version}"
    export(workshop.registry, numbered, place, workshop.keys, adapter.format, weights)
    return Release(serves.version, serves.digest, adapter.file(place), numbered)


class Follower:
    """Looks for the champion in a thread of its own; `latest` is what it saw last."""

    def __init__(
        self,
        look: Callable[[], Release],
        first: Release,
        say: Callable[[str], None],
        seconds: float = SECONDS,
    ) -> None:
        """Begin with what serves; `look` returns what should, or says why nothing does."""
        self.latest: Release | None = first
        self._look, self._say, self._seconds = look, say, seconds
        self._told = ""
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._seconds):
            try:
                self.latest = self._look()
            except ContractError as error:  # taken out of service
                self.latest = None
                self._tell(f"nothing is served any more: {error.what}")
            except PaddockError as error:
                self._tell(f"what serves goes on; the next could not be had: {error}")
            except Exception as error:  # a library's; its words may quote anything
                self._tell(f"what serves goes on; the registry does not answer: {_kind(error)}")
            else:
                self._told = ""

    def _tell(self, what: str) -> None:
        if what != self._told:  # once, not at each look
            self._say(what)
            self._told = what


def _kind(error: Exception) -> str:
    return type(error).__name__


def forget_exports(folder: Path, kept: set[Path]) -> None:
    """Delete the exports that are none of those kept: the files or folders that engines load."""
    for place in (folder / "models").glob("*"):
        if not any(place in path.parents for path in kept):
            shutil.rmtree(place, ignore_errors=True)
