"""What a person may ask of the release ledger; beside parameters.py, and read in the same way."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg

from flows.asking.parameters import Name, NamedParameters, Parameters
from model_registry.ledger.rows import ADDRESS
from tasks.exporting.formats import Format
from tasks.exporting.weights import Quantize


class ReconcileParameters(Parameters):
    """Bring MLflow's aliases to what the release ledger says, and tell of moves nobody explains."""

    name: Name | None = Field(
        default=None,
        description="Name of the registered model; none: every model that the ledger knows.",
    )
    verify: bool = Field(
        default=False,
        description="Read and verify the bytes of what serves, and of what a rollback goes to.",
    )


class HistoryParameters(NamedParameters):
    """What served when, who approved it and on what evidence: the rows of the release ledger."""

    at: date | None = Field(
        default=None,
        description="Only what served on this day (UTC), as 2026-11-28; none: all that ever did.",
    )
    format: Literal["table", "csv", "html", "json"] = Field(
        default="table", description="What is printed: table, csv, html or json."
    )


class FetchParameters(Parameters):
    """Load a released model for serving: verified bytes, or none."""

    model: CliPositionalArg[str] = Field(
        pattern=ADDRESS, description="What to load: NAME@champion, NAME@previous or NAME/VERSION."
    )
    folder: CliPositionalArg[str] = Field(
        min_length=1,
        description="Where to: a folder that is not there yet, or is empty. One that holds these "
        "very bytes is left as it is.",
    )


class ExportParameters(Parameters):
    """Export a released model for other programs: verified bytes, in the form that they load."""

    model: CliPositionalArg[str] = Field(
        pattern=ADDRESS, description="What to export: NAME@champion, NAME@previous or NAME/VERSION."
    )
    folder: CliPositionalArg[str] = Field(
        min_length=1,
        description="Where to: a folder that is not there yet, or is empty. One that holds this "
        "very export is left as it is.",
    )
    format: Format = Field(
        default="safetensors",
        description="safetensors: as it was released, for transformers and vLLM; gguf: one file "
        "for llama.cpp; ollama: that file with a Modelfile; edge: that file with one function that "
        "answers from it, without a server.",
    )
    quantize: Quantize = Field(
        default="q8_0",
        description="How a GGUF file keeps weights: q8_0 (8 bits), f16 or bf16 (16); q6_k, q5_0, "
        "q4_k or q4_0 (6, 5, 4; `paddock compress` says what that costs).",
    )
