"""What is to be served: the champion by the ledger, verified, in the form that its engine loads.

Looks again and again, beside the rest: a promotion, a rollback or a retirement is followed without
a restart, and a registry that is away changes nothing of what serves. Writes exports into the
serving's folder, and takes older ones away.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from data_contracts.errors import ContractError, PaddockError
from data_contracts.records import Frozen
from flows.workshop.parts import Workshop
from model_registry.candidates import Candidate
from model_registry.fetching import resolve
from model_registry.variant_evidence import require_variant
from tasks.exporting.folders import export, export_candidate
from tasks.exporting.weights import FEW_BITS, Quantize
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import Specification

SECONDS = 10.0  # between two looks
SAFE: Quantize = "q8_0"  # how weights are kept without a comparison
KEPT = 4  # exports: what serves, and what a rollback may go to


class Release(Frozen):
    """A released version, ready to be served. `name` is what its answers say of who gave them."""

    version: int
    digest: str
    model: Path
    name: str


def ready_to_serve(
    workshop: Workshop,
    specification: Specification,
    folder: Path,
    say: Callable[[str], None],
    which: str = "@champion",
    *,
    judged: bool = False,
) -> Release:
    """Return the champion; it is written in its engine's form where that is not there yet.

    Every byte of it is read. `say` hears where its weights are kept otherwise than is asked for.
    `which` may be `@previous`, or `/` and the number of a version that served. `judged` tells that
    the way its weights are kept was judged elsewhere, by a router's gates. ContractError if there
    is none; InputError if the engine cannot load it.
    """
    row, serves = resolve(workshop.registry, f"{specification.name}{which}")
    if not judged:
        specification = _kept_as_judged(workshop, specification, serves.digest, say)
    adapter, weights = ADAPTERS[specification.engine.kind], specification.engine.weights
    place = folder / "models" / _called(specification, serves.version, serves.digest)
    name = f"{row.name}/{serves.version}"
    export(workshop.registry, name, place, workshop.keys, adapter.format, weights)
    return Release(
        version=serves.version, digest=serves.digest, model=adapter.file(place), name=name
    )


def candidate_to_serve(
    workshop: Workshop,
    specification: Specification,
    folder: Path,
    candidate: Candidate,
    say: Callable[[str], None],
) -> Release:
    """Return an approved candidate as `ready_to_serve` does the champion.

    Its answers name it by its digest: it has no number among the versions that served.
    """
    specification = _kept_as_judged(workshop, specification, candidate.digest, say)
    adapter, weights = ADAPTERS[specification.engine.kind], specification.engine.weights
    folder = folder / "candidate"
    place = folder / _called(specification, candidate.version, candidate.digest)
    if folder.is_dir():
        for other in folder.glob("[!.]*"):  # one canary at a time
            if other != place:
                shutil.rmtree(other, ignore_errors=True)
    export_candidate(workshop.registry, candidate, place, workshop.keys, adapter.format, weights)
    return Release(
        version=candidate.version,
        digest=candidate.digest,
        model=adapter.file(place),
        name=f"{specification.name}/{candidate.digest[:16]}",
    )


def _kept_as_judged(
    workshop: Workshop, specification: Specification, digest: str, say: Callable[[str], None]
) -> Specification:
    """Return how a version is served: in few bits if it passed so, else in eight.

    A promotion, and a rollback above all, must not wait for a comparison.
    """
    engine, name = specification.engine, specification.name
    if ADAPTERS[engine.kind].format != "gguf" or engine.weights not in FEW_BITS:
        return specification
    try:
        require_variant(workshop.registry, name, digest, engine.weights, workshop.keys)
    except PaddockError as error:
        say(f"its weights are kept in {SAFE}: {error}")
        safe = engine.model_copy(update={"weights": SAFE})
        return specification.model_copy(update={"engine": safe})
    return specification


def _called(specification: Specification, version: int, digest: str) -> str:
    """Return the name of an export's folder: one for each form of a version's bytes."""
    engine = specification.engine
    form = ADAPTERS[engine.kind].format
    kept = f"-{engine.weights}" if form == "gguf" else ""
    return f"{version}-{digest[:12]}-{form}{kept}"


class Following(Protocol):
    """Says what is to be served now; None: nothing."""

    latest: Release | None


class Fixed:
    """One release, whatever the ledger says: a candidate's pods serve that or end."""

    def __init__(self, release: Release) -> None:
        """Serve it."""
        self.latest: Release | None = release


class Follower:
    """Looks for the champion in a thread of its own; `latest` is what it saw last."""

    def __init__(
        self,
        workshop: Workshop,
        specification: Specification,
        folder: Path,
        first: Release,
        say: Callable[[str], None],
    ) -> None:
        """Begin with what serves; what comes after it is made ready in `folder`."""
        self.latest: Release | None = first
        self._workshop, self._specification, self._folder = workshop, specification, folder
        self._say, self._told, self._models = say, "", [first.model]
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(SECONDS):
            try:
                self._look()
            except ContractError as error:  # taken out of service
                self.latest = None
                self._tell(f"nothing is served any more: {error.what}")
            except PaddockError as error:
                self._tell(f"what serves goes on; the next could not be had: {error}")
            except Exception as error:  # a library's; its words may quote anything
                kind = type(error).__name__
                self._tell(f"what serves goes on; the registry does not answer: {kind}")
            else:
                self._told = ""

    def _look(self) -> None:
        """See what the ledger says; the weights are read only where it says something new."""
        _, serves = resolve(self._workshop.registry, f"{self._specification.name}@champion")
        latest = self.latest
        if latest is None or (latest.version, latest.digest) != (serves.version, serves.digest):
            self.latest = ready_to_serve(
                self._workshop, self._specification, self._folder, self._say
            )
            self._models = [*self._models, self.latest.model][-KEPT:]
            _forget_others(self._folder, self._models)

    def _tell(self, what: str) -> None:
        if what != self._told:  # once, not at each look
            self._say(what)
            self._told = what


def _forget_others(folder: Path, models: list[Path]) -> None:
    """Delete the exports that are none of those models', but for one that is being written."""
    for place in (folder / "models").glob("[!.]*"):
        if not any(place in model.parents for model in models):
            shutil.rmtree(place, ignore_errors=True)
