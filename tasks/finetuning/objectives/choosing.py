"""How an objective is chosen and set: fields that the recipe and the form inherit.

Made of what the registry holds: the choice, its help, and every objective's settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, create_model

from tasks.finetuning.objectives.objective import Objective, Settings
from tasks.finetuning.objectives.registry import OBJECTIVES

if TYPE_CHECKING:
    _Choice = str

    class _EverySetting(BaseModel): ...
else:
    _Choice = Literal[tuple(OBJECTIVES)]
    _own = (one.settings for one in OBJECTIVES.values() if one.settings is not Settings)
    _EverySetting = create_model("EverySetting", __base__=tuple(dict.fromkeys(_own)))
_ABOUT = "; ".join(f"{name}: {one.about}" for name, one in OBJECTIVES.items())


class _Chosen(BaseModel):
    objective: _Choice = Field(default="supervised", description=f"What is learned. {_ABOUT}.")


class ObjectiveSettings(_EverySetting, _Chosen):  # a form begins with the last
    """The objective and what belongs to it."""

    @property
    def learned(self) -> type[Objective]:
        """Return the class of the objective."""
        return OBJECTIVES[self.objective]

    @property
    def learns_logits(self) -> bool:
        """Tell whether a teacher's logits are in the loss."""
        return self.learned.teacher_use(self) == "logits"


def foreign_settings(objective: str) -> set[str]:
    """Return the settings of the other objectives, which decide nothing in this one."""
    every = {name for one in OBJECTIVES.values() for name in one.settings.model_fields}
    return every - set(OBJECTIVES[objective].settings.model_fields)
