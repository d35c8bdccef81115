"""What a person may ask of a batch; beside parameters.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg

from flows.asking.naming import absolute_file, absolute_folder, absolute_log_source
from flows.asking.parameters import Parameters, Words

ENCODER = "minilm"


class _Action(Parameters):
    action: CliPositionalArg[Literal["run", "check"]] = Field(
        description="run: answer the requests; check: read them all, say what they would cost, and "
        "answer none."
    )


class BatchParameters(Parameters):
    """Many requests in from a file, one answer to each out."""

    file: CliPositionalArg[Annotated[str, AfterValidator(absolute_log_source)]] = Field(
        min_length=1,
        description="The requests: JSON lines in OpenAI's batch format. With --task, documents: "
        "JSON lines with a text each.",
    )
    model: Annotated[str, AfterValidator(absolute_folder)] = Field(
        min_length=1,
        description="Who answers: NAME@champion, NAME@previous or NAME/VERSION of a registered "
        "model; a folder, s3:// prefix or hub id, named as base is; or minilm, the encoder that "
        "indexes use, for /v1/embeddings.",
    )
    out: Annotated[str, AfterValidator(absolute_log_source)] = Field(
        default="",
        description="The file of answers; what has none stands beside it, in one that ends in "
        ".errors.jsonl. Empty: beside the requests, ending in .answers.jsonl.",
    )
    task: Literal["", "summarise", "label", "translate"] = Field(
        default="",
        description="Ask the same of every document of the file, in place of requests.",
    )
    column: str = Field(
        default="text", min_length=1, description="With --task: where a document's text stands."
    )
    labels: Words = Field(default=(), description="For --task label: the labels to choose from.")
    language: str = Field(default="", description="For --task translate: the language wanted.")
    template: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="A TOML file with a prompt of your own for --task, as "
        "tasks/batch/prompts.toml has them.",
    )
    max_tokens: int = Field(
        default=256, ge=1, description="Of an answer whose request names no limit."
    )
    most_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Stop before a shard that could take this run over so many tokens, prompts "
        "and answers together. What is answered is kept.",
    )
    per_minute: int | None = Field(
        default=None, ge=1, description="Begin at most so many requests a minute."
    )
    shard: int = Field(
        default=1024,
        ge=1,
        description="Requests that are answered together and kept together. Fewer: less is lost "
        "when it is killed, and a budget stops closer; more: faster.",
    )
    redact: bool = Field(
        default=True,
        description="Take personal data out of the answers, and out of what is kept of the "
        "requests. Off: answers are written, and kept in the store, as the model gave them.",
    )
    names: bool = Field(default=True, description="Redact names, places and organizations, too.")
    keep: Words = Field(
        default=(), description="Public words that redaction must leave, such as product names."
    )
    urgent: bool = Field(
        default=False,
        description="Go on although the error budget of what serves from this home burns.",
    )
    review: int = Field(
        default=0,
        ge=0,
        description="Put so many of a registered model's answers, drawn at random, before "
        "reviewers in MLflow, in the experiment NAME-batch-review. Run it again to read what they "
        "said.",
    )
    hour_price: float | None = Field(
        default=None, gt=0, description="What an hour of this machine costs, for the estimate."
    )

    @property
    def named_models(self) -> tuple[str, ...]:
        """Return who answers."""
        return (self.model,)


class BatchCommandParameters(BatchParameters, _Action):
    """Answer a file of requests, or say what that would cost."""

    def asked(self) -> BatchParameters:
        """Return what the flow is asked."""
        return BatchParameters(**self.model_dump(exclude={"action"}))
