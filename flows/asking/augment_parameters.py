"""What a person may ask of an augmentation; beside parameters.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from flows.asking.batch_parameters import BatchParameters
from flows.asking.naming import absolute_file, absolute_folder, absolute_log_source
from flows.asking.parameters import NEWEST, Parameters, Words


class AugmentParameters(Parameters):
    """Questions of rows to train on, asked in other words by a model: more rows to train on."""

    snapshot: str = Field(
        default=NEWEST,
        pattern="^(newest|[0-9a-f]{4,64})$",
        description="The snapshot of conversations: its digest or the beginning of it; newest: the "
        "one that was made last. Only its rows to train on are varied.",
    )
    model: Annotated[str, AfterValidator(absolute_folder)] = Field(
        min_length=1, description="Who writes the variants, named as for `paddock batch`."
    )
    to: Annotated[str, AfterValidator(absolute_log_source)] = Field(
        default="variants", description="The folder that the rows are written to."
    )
    variants: int = Field(default=3, ge=1, le=10, description="How many a row are asked for.")
    most_rows: int | None = Field(
        default=None, ge=1, description="Vary the first so many rows. Empty: all."
    )
    least_cosine: float = Field(
        default=0.8,
        ge=-1,
        le=1,
        description="The least cosine of a variant with its question, by the packaged encoder.",
    )
    eval_sets: Words = Field(
        default=(),
        description="Eval sets of yours whose texts may not be trained on, beside those that ship.",
    )
    template: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="A TOML file with a prompt of your own, in a table [augment], as "
        "tasks/batch/prompts.toml has it.",
    )
    most_tokens: int | None = Field(
        default=None, ge=1, description="Stop before this run spends more tokens, as a batch does."
    )
    urgent: bool = Field(
        default=False,
        description="Go on although the error budget of what serves from this home burns.",
    )

    def batch(self, file: str, names: bool, keep: Words) -> BatchParameters:
        """Return the batch of requests that asks for the variants."""
        return BatchParameters(
            file=file,
            model=self.model,
            names=names,
            keep=keep,
            most_tokens=self.most_tokens,
            urgent=self.urgent,
        )
