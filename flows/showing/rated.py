"""What people have said by now of a candidate's answers, read from where they rate.

Needs a candidate's dossier, and the sample of its scorecard in the store. Writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_contracts.errors import ContractError
from model_registry.dossier import Dossier
from tasks.human_review.rating import Ratings, read_ratings
from tasks.human_review.sample import read_sample
from tasks.storage.stages import SAMPLE

if TYPE_CHECKING:
    from flows.workshop.parts import Workshop


def ratings_now(workshop: Workshop, name: str, dossier: Dossier) -> Ratings | None:
    """Return the ratings of the newest sample of a dossier's scorecard; None where it is not here.

    A registry may be shared by stores, and only the one that trained has the sample. One that an
    earlier version drew is not read: its answers are of another form.
    """
    outputs = workshop.outputs
    found = [
        (made.created_at, reference)
        for reference, made in outputs.every(SAMPLE)
        if made.inputs.get("scorecard") == dossier.scorecard_digest
        and not SAMPLE.is_of_older_form(made.inputs, made.parameters, made.fingerprint)
    ]
    if not found or workshop.registry.find_experiment(f"{name}-review") is None:
        return None
    _, newest = max(found, key=lambda entry: entry[0])
    try:
        return read_ratings(workshop.registry, name, read_sample(outputs.fetch(newest)))
    except ContractError:  # this account does not sit in the queue
        return None


def rated_words(said: Ratings) -> str:
    """Return how many answers people rated, and their figures."""
    figures = said.figures() or {}
    counts = ("answers rated", "people")
    told = ", ".join(f"{name} {value:g}" for name, value in figures.items() if name not in counts)
    if not told:
        return f"0 of {said.items} answers are rated"
    return f"{said.complete} of {said.items} answers are rated, by {said.people} people: {told}"
