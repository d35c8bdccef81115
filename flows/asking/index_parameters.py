"""What a person may ask about an index of documents; beside parameters.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from data_contracts.kinds.document import DocumentRecord
from eval_sets.retrieval.loading import DOCUMENTS, list_retrieval_sets, load_retrieval_set
from flows.asking.naming import (
    absolute_contract,
    absolute_file,
    absolute_folder,
    absolute_log_source,
    absolute_source,
)
from flows.asking.parameters import (
    NEWEST,
    IngestParameters,
    Name,
    NamedParameters,
    Parameters,
    Words,
)

_DIGEST = "^(newest|[0-9a-f]{4,64})$"
_INDEX = "^(newest|champion|[0-9a-f]{4,64})$"


def _source(name: str) -> str:
    return name if name in list_retrieval_sets() else absolute_source(name)


class BuildIndexParameters(Parameters):
    """Documents in, an index to search out."""

    source: Annotated[str, AfterValidator(_source)] = Field(
        default="",
        description="Where the documents are, as for `paddock ingest` (rows with a column `text`): "
        "they are ingested first. Or a retrieval set that ships with its documents (desk_guides). "
        "Empty: a snapshot is indexed.",
    )
    snapshot: str = Field(
        default=NEWEST,
        pattern=_DIGEST,
        description="The snapshot of documents to index: its digest or the beginning of it, which "
        "`paddock ingest --kind document` prints; newest: the one that was made last.",
    )
    contract: Annotated[str, AfterValidator(absolute_contract)] = Field(
        default="", description="The contract of the source, a TOML file of kind document."
    )
    mapping: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="", description="From the source's columns to ours: 'text=body'."
    )
    keep: Words = Field(
        default=(), description="Public words that redaction must leave, such as product names."
    )
    names: bool = Field(
        default=True,
        description="Redact names, places and organizations, too. Off for documents that are "
        "public: a question that asks for a name finds only what is left of it.",
    )
    chunk_tokens: int = Field(
        default=128,
        ge=32,
        le=512,
        description="Tokens a chunk may have at most, its headings counted; the encoder reads 128.",
    )
    overlap: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Tokens of a cut block's part that the next one repeats: at most a quarter of "
        "a chunk's.",
    )
    exact_up_to: int = Field(
        default=200_000,
        ge=0,
        description="Chunks up to which a question is compared with all; above, a graph is built.",
    )

    def ingestion(self) -> IngestParameters:
        """Return what ingestion is asked."""
        shipped = self.source in list_retrieval_sets()
        return IngestParameters(
            source=str(load_retrieval_set(self.source).folder / DOCUMENTS)
            if shipped
            else self.source,
            kind=DocumentRecord.KIND,  # pyright: ignore[reportArgumentType]
            contract=self.contract,
            mapping=self.mapping,
            keep=self.keep,
            names=self.names,
        )


class EvaluateIndexParameters(NamedParameters):
    """Ask an index questions whose passages are known, and judge what it finds."""

    index: str = Field(
        default=NEWEST,
        pattern=_INDEX,
        description="The index: its digest or the beginning of it; newest: the one made last; "
        "champion: for search, the one that serves of NAME-index.",
    )
    retrieval_set: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="desk_guides",
        description="The questions with their passages: a name, or a folder with card.toml and "
        "cases.jsonl.",
    )
    policy: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="retrieval", description="The gate policy: a name, or a TOML file."
    )
    register_it: bool = Field(
        default=False,
        description="Register the index as a candidate of NAME-index, and ask people about it if "
        "its gates pass; `paddock promote --name NAME-index` then lets it serve.",
    )
    seed: int = Field(default=7, ge=0, description="Seed of the resampling.")


class ProbeIndexParameters(Parameters):
    """Ask the index that serves the questions that it was judged by."""

    name: Name | Literal[""] = Field(
        default="", description="The model whose index it is. Empty: every one that has an index."
    )


class RefreshIndexParameters(ProbeIndexParameters):
    """Build the index that serves again, of its documents as they are today."""

    full: bool = Field(
        default=False,
        description="Encode all documents anew, and require that the index has the same bytes.",
    )


class IndexParameters(BuildIndexParameters, EvaluateIndexParameters):
    """Build an index of documents, search it, judge it, or teach by it."""

    action: CliPositionalArg[
        Literal["build", "search", "answer", "evaluate", "pairs", "probe", "refresh", "publish"]
    ] = Field(
        description="build: make an index; search: print the chunks for a question; answer: ask "
        "the model that serves, with what was found; evaluate: ask questions whose passages are "
        "known; pairs: write rows that teach a model to answer from what is found; probe: ask the "
        "index that serves those it was judged by, for the promise recall; refresh: build the one "
        "that serves again, of its documents of today; publish: copy the vectors of one into the "
        "PostgreSQL that PADDOCK_VECTORS names, as build does."
    )
    question: CliPositionalArg[str] = Field(
        default="", description="For search and answer: what is asked."
    )
    url: str = Field(
        default="",
        description="For answer: an OpenAI-compatible address, up to and with /v1. Empty: the "
        "serving of --name from this home.",
    )
    passages: int = Field(
        default=4, ge=1, le=20, description="For answer: chunks that the model is given."
    )
    least_cosine: float = Field(
        default=0.35,
        ge=-1,
        le=1,
        description="For answer: the least cosine of the question with a chunk that is given; if "
        "none has it, no model is asked.",
    )
    most: int = Field(default=5, ge=1, le=100, description="For search: how many chunks.")
    questions: Annotated[str, AfterValidator(absolute_log_source)] = Field(
        default="",
        description="For pairs: a file of questions with answers, a JSON object a line: question, "
        "answer, gold (passages that hold it, as the documents word them); a question alone where "
        "no document answers; accepted (parts of a right answer) where an answer is long.",
    )
    to: Annotated[str, AfterValidator(absolute_log_source)] = Field(
        default="pairs", description="For pairs: the folder to write; one that is not there yet."
    )
    held: float = Field(
        default=0.2,
        ge=0,
        le=0.9,
        description="For pairs: the share of documents whose questions become an eval set, and "
        "are not trained on.",
    )
    full: bool = Field(
        default=False,
        description="For refresh: encode all anew, and require that the index has the same bytes.",
    )

    def building(self) -> BuildIndexParameters:
        """Return what the flow is asked that builds."""
        return BuildIndexParameters(**_part(self, BuildIndexParameters))

    def evaluation(self) -> EvaluateIndexParameters:
        """Return what the flow is asked that judges."""
        return EvaluateIndexParameters(**_part(self, EvaluateIndexParameters))


def _part(given: Parameters, model: type[Parameters]) -> dict[str, Any]:
    return {name: getattr(given, name) for name in model.model_fields}
