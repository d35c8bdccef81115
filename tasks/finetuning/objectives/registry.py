"""The objectives there are. Another one is a module with its class, and a line here."""

from __future__ import annotations

from tasks.finetuning.objectives.distillation import Distillation
from tasks.finetuning.objectives.objective import Objective
from tasks.finetuning.objectives.preference import Preference
from tasks.finetuning.objectives.supervised import Supervised

OBJECTIVES: dict[str, type[Objective]] = {
    one.name: one
    for one in (
        Supervised,
        Preference,
        Distillation,
    )
}
