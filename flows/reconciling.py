"""`reconcile`: bring MLflow's aliases to what the release ledger says, every few minutes.

It mends what a release that died between its row and the aliases left, and what hands moved in
MLflow; a move that no row explains is published as an artifact. Nobody is made champion by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from data_contracts.errors import IntegrityError
from flows.asking.flow_runs import run_name
from flows.asking.ledger_parameters import ReconcileParameters
from flows.serving.cluster_site import take_back_unwatched
from flows.showing.notifying import notify, trouble_event
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.showing.registry_status import keep_registry_status
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.reconciling import Reconciled
from tasks.release.steps import reconcile_step

DEFAULTS = ReconcileParameters()


@flow(name="reconcile", flow_run_name=run_name)
def reconcile(parameters: ReconcileParameters = DEFAULTS) -> State[list[Reconciled]]:
    """Reconcile one model, or every one that the ledger knows; ends with one sentence a model.

    IntegrityError if the ledger's own rows are not as they were written: then nothing is moved.
    """
    workshop = Workshop(read_settings(), "promoter")
    names = [parameters.name] if parameters.name else workshop.registry.ledger.names()
    keys = workshop.keys if parameters.verify else None
    try:
        found = reconcile_step(workshop.registry, names, keys)
    except IntegrityError as error:
        notify(workshop, trouble_event("ledger", error.what, error.remedy))
        raise
    text = " ".join(one.sentence for one in found) or "The ledger has no release yet."
    taken = take_back_unwatched(workshop, names, datetime.now(UTC))
    text = " ".join([text, *(f"{one[0].upper()}{one[1:]}." for one in taken)])
    LOGGER.info("%s", text)
    if page := describe(found):
        publish_page("reconcile", page, "What the release ledger does not explain")
    notify(
        workshop,
        *[trouble_event(one.name, move) for one in found for move in one.moves],
        *[trouble_event(one.name, one.trouble, one.remedy) for one in found if one.trouble],
        *[trouble_event("canary", one, "see why its run ended") for one in taken],
    )
    keep_registry_status(workshop.store, found)  # last: nothing waits for it
    return Completed(message=text, data=found)


def describe(found: Sequence[Reconciled]) -> str:
    """Return what nobody explains, and what could not be put right, as Markdown; empty if none."""
    lines: list[str] = []
    for one in found:
        lines += [
            f"- **{one.name}**: {move}. Put back; who did it is not known." for move in one.moves
        ]
        if one.trouble:
            lines.append(f"- **{one.name}**: {one.trouble}. To do: {one.remedy}.")
    return "\n".join(lines)
