"""What a person may ask of `paddock compress`, and of the flow that it starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from flows.asking.naming import absolute_sets
from flows.asking.parameters import NamedParameters, Words
from tasks.exporting.weights import QUANTIZED, Quantize


def _known(weights: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := [one for one in weights if one not in QUANTIZED]:
        raise ValueError(f"weights are kept as {', '.join(QUANTIZED)}, and not as {wrong[0]!r}")
    if not weights:
        raise ValueError("name at least one way to keep weights")
    return weights


class CompressParameters(NamedParameters):
    """Keep a model's weights in fewer bits, and compare it with the version people approved."""

    weights: Annotated[Words, AfterValidator(_known)] = Field(
        default=("q8_0", "q5_0", "q4_0"),
        description="How weights are kept, each compared by itself: f16, bf16 (16 bits), q8_0, "
        "q5_0, q4_0 (8, 5 and 4 bits, with a scale for 32 neighbours), q6_k, q4_k (llama.cpp's "
        "K-quants, for rows of a multiple of 256).",
    )
    version: int | None = Field(
        default=None,
        ge=1,
        description="Version of a candidate, so that it can serve so from its promotion on; none: "
        "the champion.",
    )
    eval_sets: Annotated[Words, AfterValidator(absolute_sets)] = Field(
        default=(),
        description="Eval sets: names, or folders of your own. Empty: those it was judged by. A "
        "gate whose set is not asked fails.",
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="Threads of the engine; they spin while it answers."
    )

    @property
    def ways(self) -> tuple[Quantize, ...]:
        """Return the ways to keep weights, each once, from most bits to fewest."""
        return tuple(way for way in QUANTIZED if way in self.weights)
