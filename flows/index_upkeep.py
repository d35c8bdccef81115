"""`probe_index` and `refresh_index`: each day, is what serves still found, and still current?

A probe asks the index that serves the questions that it was judged by, and keeps what it found as a
look at the promise `recall` (docs/slo.md). A refresh builds an index again from where its documents
came from: what an earlier one has is not encoded again, unless it is `full`, which builds all of it
anew and compares it byte by byte. What differs from what serves is judged and put before people, as
any other; nothing is promoted here. Needs what `paddock index build` and `evaluate` noted of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.errors import PaddockError
from eval_sets.retrieval.loading import load_retrieval_set
from flows.asking.flow_runs import run_name
from flows.asking.index_parameters import ProbeIndexParameters, RefreshIndexParameters
from flows.index_notes import SUFFIX, keep_current, noted_build, noted_judging
from flows.indexing import Indexed, JudgedIndex, build_index, evaluate_index
from flows.releasing_index import serving_index
from flows.showing.notifying import notify, trouble_event
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.models.encoding import Encoder
from tasks.retrieval.evaluating import PREFIX, figures, find_all
from tasks.retrieval.in_postgres import open_index
from tasks.retrieval.steps import require_same_anew
from tasks.slo.samples import Sample, keep_sample

PROBE, REFRESH = ProbeIndexParameters(), RefreshIndexParameters()
NOTHING = "No index serves yet, so there is nothing to do."
_FIGURE = f"{PREFIX}/recall_at_5"


@flow(name="probe_index", flow_run_name=run_name)
def probe_index(parameters: ProbeIndexParameters = PROBE) -> State[None]:
    """Ask the indexes that serve what they were judged by; a sentence an index."""
    workshop = Workshop(read_settings())
    return _each(workshop, parameters.name, "probe_index", lambda name: _probed(workshop, name))


@flow(name="refresh_index", flow_run_name=run_name)
def refresh_index(parameters: RefreshIndexParameters = REFRESH) -> State[None]:
    """Build the indexes that serve again, of their documents of today; a sentence an index."""
    workshop = Workshop(read_settings())

    def refreshed(name: str) -> str:
        return _refreshed(workshop, name, full=parameters.full)

    return _each(workshop, parameters.name, "refresh_index", refreshed)


def _each(workshop: Workshop, named: str, what: str, work: Callable[[str], str]) -> State[None]:
    """Do it for every model that has an index; one that fails keeps none of the others from it."""
    registered = [name for name in workshop.registry.ledger.names() if name.endswith(SUFFIX)]
    names = [named] if named else [name.removesuffix(SUFFIX) for name in registered]
    said, failed = list[str](), list[PaddockError]()
    for name in names:
        try:
            said.append(work(name))
        except PaddockError as error:
            failed.append(error)
            notify(workshop, trouble_event(name, f"{what}: {error.what}", error.remedy))
    text = " ".join(said) or NOTHING
    LOGGER.info("%s", text)
    if failed:
        raise failed[0]
    return Completed(message=text[:400])


def _probed(workshop: Workshop, name: str) -> str:
    with serving_index(workshop, name) as serving:
        if serving is None:
            return f"{name}: no index serves."
        digest, folder = serving
        asked = noted_judging(workshop.store, digest)
        if asked is None:
            return (
                f"{name}: nobody noted which questions index {digest[:16]} was judged by; "
                "`paddock index evaluate --register-it` does."
            )
        chosen = load_retrieval_set(asked.retrieval_set)
        opened = open_index(folder, digest, Encoder(), workshop.vectors)
        scores = figures(find_all(opened, chosen.cases))[_FIGURE]
    bad = sum(score < 1 for score in scores)
    now = datetime.now(UTC)
    look = Sample(kind="recall", time=now, requests=len(scores), bad=bad, about=digest)
    keep_sample(workshop.store, name, look)
    return (
        f"{name}: index {digest[:16]} found all passages of {len(scores) - bad} of {len(scores)} "
        f"questions of {chosen.card.name} among its first five."
    )


def _refreshed(workshop: Workshop, name: str, *, full: bool) -> str:
    with serving_index(workshop, name) as serving:
        if serving is None:
            return f"{name}: no index serves."
        digest, _ = serving
    asked, judging = noted_build(workshop.store, digest), noted_judging(workshop.store, digest)
    if asked is None or judging is None:
        return (
            f"{name}: nobody noted where the documents of index {digest[:16]} came from; `paddock "
            "index build --source` and `evaluate --register-it` do."
        )
    done = cast(Indexed, build_index(asked))  # what its state holds
    whole = ""
    if full:
        with TemporaryDirectory(prefix="paddock-index-") as scratch:
            require_same_anew(workshop.outputs, done.reference, Encoder(), scratch)
        whole = " Built anew from nothing it has the same bytes."
    made = done.reference.digest
    if made == digest:
        keep_current(workshop.store, name, digest, datetime.now(UTC))
        return f"{name}: index {digest[:16]} holds what its documents hold today.{whole}"
    given = judging.model_copy(update={"index": made, "name": name, "register_it": True})
    judged = cast(JudgedIndex, evaluate_index(given))
    became = "passes its gates and waits for people" if judged.passed else "is refused by its gates"
    return f"{name}: its documents changed; index {made[:16]} {became}.{whole}"
