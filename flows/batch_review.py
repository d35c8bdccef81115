"""Puts some of a batch's answers before reviewers, and reads back what they said.

They stand in an experiment of their own (NAME-batch-review): in the model's own a round of what is
served would be withdrawn for them. Needs redacted answers; writes MLflow's review queues.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from data_contracts.digests import canonical_json
from data_contracts.errors import InputError
from flows.asking.batch_inputs import Ready
from flows.asking.batch_parameters import BatchParameters
from flows.workshop.parts import Workshop
from tasks.batch.lines import STEP
from tasks.batch.results import Made
from tasks.human_review.sample import Served
from tasks.human_review.steps import Review, Sampling, review_step, served_sample_step

SEED = 7


def review_name(asked: Ready) -> str:
    """Return the name under which a model's batches are rated."""
    return f"{asked.model.registered}-batch"


def require_reviewable(workshop: Workshop, asked: Ready, parameters: BatchParameters) -> None:
    """Return if answers can be put before people, where that is asked; InputError if they cannot.

    Before anything is answered.
    """
    if not parameters.review:
        return
    if not asked.model.registered or not parameters.redact:
        raise InputError(
            "people rate redacted answers of a registered model alone",
            step=STEP,
            where=f"review {parameters.review}, model {parameters.model}",
            remedy="name the model as NAME@champion or NAME/VERSION, or leave --review out",
        )
    workshop.require_registry(review_name(asked))


def put_before_people(
    workshop: Workshop, asked: Ready, made: Iterable[Made], items: int
) -> Review | None:
    """Draw `items` of the answers at random and put them into the queue; None if there is none.

    The same answers again are the same sample: then it only reads what people said by now.
    """
    recipe = asked.recipe
    told = [one for one in made if one.answer.refused is None and one.answer.asked]
    if recipe is None or not told:
        return None
    rows = [
        Served(name=one.made, prompt="\n\n".join(one.answer.asked), answer=one.answer.text)
        for one in told
    ]
    digest = hashlib.sha256(canonical_json(sorted(one.made for one in told))).hexdigest()
    sampling = Sampling(
        items=items,
        half_width=None,
        seed=SEED,
        redaction=recipe.identity(),
        build_redactor=recipe,
    )
    sample = served_sample_step(workshop.outputs, digest, rows, len(rows), sampling).reference
    return review_step(
        workshop.registry, review_name(asked), sample, workshop.outputs.fetch(sample)
    )
