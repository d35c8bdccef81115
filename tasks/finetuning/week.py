"""What the trainings of a model took in the last seven days, by the record beside each.

Needs the outputs in the store; writes nothing. A training counts when it ends, with all of its
processes, the lost ones too.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from tasks.finetuning.reproduce import NAMES
from tasks.storage.outputs import ABOUT, Outputs
from tasks.storage.stages import MODEL

WEEK = timedelta(days=7)
SECONDS_AN_HOUR = 3600


class Spending(NamedTuple):
    """Hours of GPUs (of a machine without), and what they cost in the price's currency."""

    trainings: int
    gpu_hours: float
    cost: float


def spent_between(
    outputs: Outputs, name: str, since: datetime, until: datetime, price: float | None
) -> Spending:
    """Return what a model's trainings took that ended in a time; `price` is that of a GPU hour.

    It is for trainings that were given none.
    """
    trainings, hours, cost = 0, 0.0, 0.0
    file = f"{ABOUT}/{NAMES[0]}"
    for reference, manifest in outputs.every(MODEL):
        ended = datetime.fromisoformat(manifest.created_at)
        if not since < ended <= until or file not in manifest.files:
            continue
        # Read, not fetched: a look at what was spent is no use of the model.
        made = json.loads(outputs.store.read(f"{reference.key}/{file}"))
        if made["parameters"].get("name") != name:
            continue
        took = made["seconds"] * max(1, made["gpus"]) / SECONDS_AN_HOUR
        trainings, hours = trainings + 1, hours + took
        cost += took * (price or 0.0) if made["cost"] is None else made["cost"]
    return Spending(trainings, hours, cost)
