"""By which router requests go where: the one that serves by the ledger, verified, and its models.

Looks again and again, beside the rest, as for the champion: a promotion, a rollback or a retirement
of a router is followed without a restart. A router holds for the version that it was judged with:
beside another champion nothing goes to the small model. Writes routers and the small model's export
into the serving's folder.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import ContractError, InputError, PaddockError
from data_contracts.records import Frozen
from flows.serving.champion import SECONDS, Release, ready_to_serve
from flows.workshop.parts import Workshop
from model_registry.fetching import fetch, resolve
from model_registry.part_files import ROUTER
from tasks.routing.model import Router, Side, read_router
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import STEP, Engine, Routing, Specification

_KEPT = 2  # routers, and exports of small models: this one and the one before


class Route(Frozen):
    """A released router with its small model's release; `large` is the digest it was judged with.

    `engine` is how the small model is served.
    """

    name: str
    version: int
    digest: str
    folder: Path
    large: str
    small: Release
    engine: Engine


def small_engine(specification: Specification, routing: Routing, small: Side) -> Engine:
    """Return how the small model is served; InputError if its engine cannot keep weights so."""
    engine = routing.engine or specification.engine
    if not small.weights:
        return engine
    if ADAPTERS[engine.kind].format != "gguf":
        raise InputError(
            f"the router's small model keeps its weights as {small.weights}, which an engine of "
            f"kind {engine.kind} does not",
            step=STEP,
            where="[router.engine]",
            remedy='set kind = "llama.cpp" there',
        )
    return Engine.model_validate({**engine.model_dump(), "weights": small.weights})


def ready_to_route(
    workshop: Workshop,
    specification: Specification,
    routing: Routing,
    folder: Path,
    say: Callable[[str], None],
) -> Route:
    """Return the router that serves, each byte verified, with its small model ready to be served.

    ContractError if none serves, or it was judged with another version than the one that does.
    """
    row, serves = resolve(workshop.registry, f"{routing.name}@champion")
    place = folder / "routers" / f"{serves.version}-{serves.digest[:12]}"
    fetch(workshop.registry, f"{row.name}/{serves.version}", place, workshop.keys)
    router = read_router(place / ROUTER.folder)
    small = _small(workshop, specification, routing, router, folder / "small", say)
    _forget_others(folder / "routers", place)
    return Route(
        name=row.name,
        version=serves.version,
        digest=serves.digest,
        folder=place / ROUTER.folder,
        large=router.large.digest,
        small=small[0],
        engine=small[1],
    )


def _small(
    workshop: Workshop,
    specification: Specification,
    routing: Routing,
    router: Router,
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Release, Engine]:
    """Return the small model's release and engine. Its weights are the router's evidence's."""
    _, champion = resolve(workshop.registry, f"{specification.name}@champion")
    large, small = router.large, router.small
    if champion.digest != large.digest:
        raise ContractError(
            f"the router was judged with {large.called}, which is not the version that serves",
            step=STEP,
            where=f"{routing.name}, {specification.name}/{champion.version}",
            remedy=f"`paddock router build --name {specification.name} --register-it` makes one "
            "for the version that serves",
        )
    engine = small_engine(specification, routing, small)
    own = small.digest == large.digest
    name = specification.name if own else small.name
    version = champion.version if own else small.version
    chosen = specification.model_copy(update={"name": name, "engine": engine})
    found = ready_to_serve(workshop, chosen, folder, say, f"/{version}", judged=bool(small.weights))
    if found.digest != small.digest:
        raise ContractError(
            "the small model's version is not the one that the router was judged with",
            step=STEP,
            where=f"{name}/{version}",
            remedy="build the router again",
        )
    if own:  # answers must tell it from the champion's
        found = found.model_copy(update={"name": f"{found.name}-{small.weights}"})
    _forget_others(folder / "models", found.model.parent)
    return found, engine


class RouteFollower:
    """Looks for the router in a thread of its own; `latest` is what it saw last."""

    def __init__(
        self,
        workshop: Workshop,
        specification: Specification,
        routing: Routing,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        """Begin with none: until one is ready everything goes to the champion."""
        self.latest: Route | None = None
        self._workshop, self._specification, self._routing = workshop, specification, routing
        self._folder, self._say, self._told = folder, say, ""
        self._seen: tuple[object, ...] | None = None
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._look()
            except (ContractError, InputError) as error:
                self.latest, self._seen = None, None
                self._tell(f"everything goes to the champion: {error}")
            except PaddockError as error:
                self._tell(f"the router stays as it is; the next could not be had: {error}")
            except Exception as error:  # a library's; its words may quote anything
                kind = type(error).__name__
                self._tell(f"the router stays as it is; the registry does not answer: {kind}")
            else:
                self._told = ""
            pause.wait(SECONDS)

    def _look(self) -> None:
        """See what the ledger says; bytes are read only where it says something new."""
        registry = self._workshop.registry
        _, router = resolve(registry, f"{self._routing.name}@champion")
        _, champion = resolve(registry, f"{self._specification.name}@champion")
        now = (router.version, router.digest, champion.version, champion.digest)
        if now != self._seen:
            self.latest = ready_to_route(
                self._workshop, self._specification, self._routing, self._folder, self._say
            )
            self._seen = now

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._say(what)
            self._told = what


def _forget_others(folder: Path, latest: Path) -> None:
    """Delete all but the newest there; what is left over may still be read for a moment."""
    others = [place for place in folder.glob("[!.]*") if place != latest]
    for place in sorted(others, key=lambda one: one.stat().st_mtime)[: -(_KEPT - 1)]:
        shutil.rmtree(place, ignore_errors=True)
