"""What a person may ask of training beside numbers: what is learned, and from whom."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from flows.naming import absolute_folder


class ObjectiveParameters(BaseModel):
    """The objective and what belongs to it; part of a retraining's parameters."""

    objective: Literal["supervised", "dpo", "distill"] = Field(
        default="supervised",
        description="What is learned. supervised: the answers (or documents) as they are; dpo: to "
        "prefer the chosen answer to the rejected one (kind: preference); distill: from a teacher.",
    )
    teacher: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="", description="The model that objective distill learns from; named as base is."
    )
    distill_from: Literal["logits", "answers"] = Field(
        default="logits",
        description="What of the teacher is learned: its logits (it must have the base's "
        "vocabulary), or its own answers to the rows' prompts (any teacher).",
    )
    distill_alpha: float = Field(
        default=0.5, ge=0, le=1, description="Share of the teacher's logits in the loss."
    )
    distill_temperature: float = Field(
        default=2.0, gt=0, description="Temperature that softens the logits of both models."
    )
    distill_max_new_tokens: int = Field(
        default=256, ge=1, description="Longest answer of the teacher; longer ones are left out."
    )
    dpo_beta: float = Field(
        default=0.1, gt=0, description="How closely DPO stays with the starting model."
    )
