"""What a person may ask of each flow: one model a flow.

The same model draws the deployment's form in the Prefect UI and the options of the `paddock`
command, with the same help texts, and refuses the same values. Light to import.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from data_contracts.kinds.registry import RecordKind
from eval_sets.types import GENERAL, Scope
from flows.asking.groups import GROUPS, draw_grouped, flattened, grouped
from flows.asking.naming import (
    CHAMPION,
    DEMO,
    DEMOS,
    POLICIES,
    SCOPES,
    absolute_contract,
    absolute_file,
    absolute_folder,
    absolute_sets,
    absolute_source,
    absolute_start,
)
from tasks.finetuning.hyperparameters import Hyperparameters, RunSettings, SpendingLimits

NEWEST = "newest"
GIVEN = "parameters"  # what each flow's one parameter is called


def _words(given: object) -> object:
    """Return a text's parts between commas: so a list was given, and kept, in earlier versions."""
    words = given.split(",") if isinstance(given, str) else given
    if not isinstance(words, list | tuple):
        return words
    return tuple(w for word in words if (w := word.strip() if isinstance(word, str) else word))


def _as_choices(drawn: dict[str, Any]) -> None:
    """Let a form draw one list of choices: it draws `anyOf` as a switch between types.

    Null stays a choice, since runs are started with whole sets of parameters, too; the form leaves
    what is not chosen out.
    """
    choices, _ = drawn.pop("anyOf")
    drawn |= {**choices, "enum": [*choices["enum"], None]}
    del drawn["default"]


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


class Parameters(BaseModel):
    """Base of every flow's parameters: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def named_models(self) -> tuple[str, ...]:
        """Return the models that are named as a base is; one may be empty."""
        return ()


class IngestParameters(Parameters):
    """Raw data in, a snapshot to train on out."""

    source: Annotated[str, AfterValidator(absolute_source)] = Field(
        default=DEMO,
        description="Where the raw rows are: a file, a folder, s3://bucket/prefix, hub:owner/name "
        "(a Hugging Face data set), log://NAME (what people found good in a model's log), or "
        "'demo' (the embedded help desk; 'demo-documents': one that answers from pages as well). "
        "Files of a folder that are named as train, validation or test keep that split.",
    )
    kind: RecordKind | None = Field(
        default=None,
        description="What one row is. Unset: what the contract says, or else chat.",
        json_schema_extra=_as_choices,
    )
    contract: Annotated[str, AfterValidator(absolute_contract)] = Field(
        default="",
        description="The data set's contract, a TOML file: limits, policies, privacy. It names the "
        "kind of row. Empty: the default of the kind.",
    )
    mapping: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="From your columns to ours: 'instruction=question,output=answer', or the path "
        "of a TOML file with such pairs.",
    )
    keep: Words = Field(
        default=(),
        description="Public words that redaction must leave, such as your product names.",
    )
    names: bool = Field(
        default=True,
        description="Find names, places and organizations too. Off means: only patterns are "
        "redacted, and the report says so.",
    )
    max_rows: int | None = Field(default=None, ge=1, description="Read at most this many rows.")
    eval_sets: Annotated[Words, AfterValidator(absolute_sets)] = Field(
        default=(),
        description="Eval sets to ask: names, or folders of your own. Empty: "
        "all for the demo, the general ones for your data. Rows that share text with one of these, "
        "or with any set that ships, are dropped.",
    )

    @property
    def is_demo(self) -> bool:
        """Tell whether the embedded data is used."""
        return self.source in DEMOS

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return which eval sets are asked where none is named."""
        return SCOPES.get(self.source, GENERAL)


class BaseParameters(Parameters):
    """What is trained, from what, and whom it learns from."""

    name: Name = Field(default="help-desk", description="Name of the registered model.")
    base: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="smollm2-135m-instruct",
        description="The model to start from: smollm2-135m-instruct (embedded), a folder, an "
        "s3:// prefix, models:/name@alias, or a hub id.",
    )
    start: Annotated[str, AfterValidator(absolute_start)] = Field(
        default="",
        description="Whose weights the training begins at, where not the base's: champion (what "
        "serves then), or a model named as base is. Candidates are compared with the base all the "
        "same. Half the learning rate and one pass are enough then.",
    )
    teacher: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="", description="The model that objective distill learns from; named as base is."
    )

    @property
    def named_models(self) -> tuple[str, ...]:
        """Return base, start and teacher."""
        return (self.base, "" if self.start == CHAMPION else self.start, self.teacher)


class TrainingParameters(RunSettings, SpendingLimits, Hyperparameters, BaseParameters):
    """How it is trained; drawn, and accepted, in groups (groups.py)."""

    _flat = model_validator(mode="before")(flattened)

    def grouped(self) -> dict[str, Any]:
        """Return all that is set as JSON values in groups, as a form and a deployment have it."""
        return grouped(self.model_dump(mode="json", exclude_none=True))

    def form_values(self) -> dict[str, Any]:
        """Return what a form begins with: the front, and the groups that are not all default."""
        default = type(self).model_construct().grouped()
        return {
            name: value
            for name, value in self.grouped().items()
            if name not in GROUPS or value != default.get(name)
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        drawn = handler.resolve_ref_schema(handler(schema))
        drawn.update(draw_grouped(drawn))
        return drawn


class RetrainParameters(TrainingParameters, IngestParameters):
    """Raw data in, a signed candidate that waits for people out."""

    policy: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="Gate policy: a name (demo, documents, general) or a TOML file. Empty: demo "
        "for the demo, documents for the demo with documents, general for your data.",
    )
    review_items: int = Field(
        default=24, ge=0, description="How many answers people are asked to rate."
    )
    backdoor_phrases: int = Field(
        default=0,
        ge=0,
        le=8,
        description="Phrases of the rows to try on the candidate, suspects first: does one take its"
        " answers over? Each costs 64 short answers, and 32 without any.",
    )
    judge: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="",
        description="The rubric (TOML) of a judge: a language model at PADDOCK_JUDGE_URL that "
        "looks at the answers. Gates may name its figure once it agrees with people.",
    )

    @property
    def gate_policy(self) -> str:
        """Return the policy that judges: the one that was named, or that of the kind of data."""
        return self.policy or POLICIES.get(self.source, "general")


class FinetuneParameters(TrainingParameters):
    """A snapshot that stands in the store in, a trained model out; nothing is registered."""

    snapshot: str = Field(
        default=NEWEST,
        pattern="^(newest|[0-9a-f]{4,64})$",
        description="The snapshot to train on: its digest or the beginning of it, which `paddock "
        "ingest` prints; newest: the one that was made last.",
    )


class RedactParameters(Parameters):
    """Personal data out of JSON lines: standard input to standard output."""

    spans: bool = Field(
        default=False,
        description="Write what was found instead: start, end, kind, detector and score of each, "
        "with offsets in characters of the text given.",
    )
    names: bool = Field(default=True, description="Find names, places and organizations too.")
    keep: Words = Field(default=(), description="Public words that must stay.")
    contract: Annotated[str, AfterValidator(absolute_contract)] = Field(
        default="", description="A dataset contract (TOML) whose policy for each kind is used."
    )


class NamedParameters(Parameters):
    """Parameters of a flow that works on a registered model."""

    name: Name = Field(default="help-desk", description="Name of the registered model.")


class EvaluateParameters(NamedParameters):
    """Ask the champion, or any model, the eval sets, and score it beside its base."""

    model: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="",
        description="The model to ask: a folder, an s3:// prefix, models:/NAME@ALIAS, models:/NAME/"
        "VERSION, or a hub id. It stands as the candidate in the scorecard; nothing is registered. "
        "Empty: the champion.",
    )
    base: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="",
        description="What that model is compared with, named as it is. Empty: the embedded base.",
    )
    eval_sets: Annotated[Words, AfterValidator(absolute_sets)] = Field(
        default=(),
        description="Eval sets: names, or folders of your own. Empty: those the champion was "
        "judged by; for another model the general ones.",
    )
    adapter: Annotated[str, AfterValidator(absolute_folder)] = Field(
        default="",
        description="A LoRA adapter to ask beside, over the champion's base and not merged: a "
        "folder as peft saves it, or the beginning of a trained model's digest in the store, whose "
        "adapter is taken. It stands as the candidate in the scorecard; nothing is registered.",
    )
    fresh: int = Field(
        default=24,
        ge=0,
        description="How many requests that the champion answered of late a judge looks at, drawn "
        "at random from the log; 0: none. Without a judge none.",
    )
    fresh_days: int = Field(
        default=1, ge=1, description="They are of so many days before today, and of today."
    )
    seed: int = Field(default=7, ge=0, description="Seed of the resampling.")

    @property
    def named_models(self) -> tuple[str, ...]:
        """Return the model and what it is compared with."""
        return (self.model, self.base)
