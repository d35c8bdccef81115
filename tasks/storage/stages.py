"""Every stage: its name, its recipe's number, and the code that decides what it makes.

An output is found again by the fingerprint of its stage's work. The recipe's number is part of it:
it is raised when the code would make another output of the same inputs, so that what an older
scorer wrote is not taken for a new one's. A test holds each number against the stage's sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.digests import canonical_json


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; `made_by` are the modules, and packages with all in them, that decide its output."""

    name: str
    recipe: int
    made_by: tuple[str, ...]

    def of(self, inputs: Mapping[str, str], parameters: Mapping[str, Any]) -> Work:
        """Return the work on these inputs, role to digest, with these parameters."""
        return Work(self, dict(inputs), dict(parameters))

    def is_of_older_form(
        self, inputs: Mapping[str, str], parameters: Mapping[str, Any], fingerprint: str
    ) -> bool:
        """Tell whether an earlier recipe made an output: its number stands in the fingerprint."""
        earlier = (replace(self, recipe=number) for number in range(1, self.recipe))
        return any(one.of(inputs, parameters).fingerprint == fingerprint for one in earlier)


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage is to do. Planning, finding and building read the same value."""

    stage: Stage
    inputs: dict[str, str]
    parameters: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Return the work's identity (sha256, hex): the same work has the same."""
        parts = {
            "stage": self.stage.name,
            "recipe": self.stage.recipe,
            "inputs": self.inputs,
            "parameters": self.parameters,
        }
        return hashlib.sha256(canonical_json(parts)).hexdigest()

    @property
    def key(self) -> str:
        """Return where in the store its output lies."""
        return f"{self.stage.name}/{self.fingerprint[:24]}"


_ANSWERING = (
    "tasks.models.adapters",
    "tasks.models.chat_rendering",
    "tasks.models.decoding",
    "tasks.models.prompts",
    "tasks.models.respondents",
)
_TRAINING = (
    "tasks.finetuning.objectives",
    "tasks.finetuning.kernels",
    "tasks.finetuning.optimizer",
    "tasks.finetuning.learning_rate",
    "tasks.finetuning.neftune",
    "tasks.finetuning.tokenizing",
    "tasks.finetuning.packing",
    "tasks.finetuning.row_length",
    "tasks.finetuning.rows",
    "tasks.models.chat_rendering",
)

BASE = Stage("base", 2, ("tasks.finetuning.base_model",))
SHARD = Stage(
    "ingest-shard",
    7,
    (
        "data_contracts.kinds",
        "data_contracts.records",
        "data_contracts.rows",
        "tasks.ingestion.arrow_values",
        "tasks.ingestion.contamination",
        "tasks.ingestion.csv_records",
        "tasks.ingestion.mapping",
        "tasks.ingestion.readers",
        "tasks.ingestion.shard_work",
        "tasks.ingestion.similarity",
    ),
)
SNAPSHOT = Stage(
    "snapshot",
    10,
    (
        "data_contracts.kinds",
        "data_contracts.phrases",
        "data_contracts.snapshot.writing",
        "tasks.ingestion.assembly",
        "tasks.ingestion.backdoors",
        "tasks.ingestion.change",
        "tasks.ingestion.duplicates",
        "tasks.ingestion.likeness",
        "tasks.ingestion.tokens",
        "tasks.ingestion.wording",
    ),
)
# An ingestion that broke its contract: its quarantine and its reports.
REFUSED = Stage("refused", SNAPSHOT.recipe, SNAPSHOT.made_by)
TEACHER_ANSWERS = Stage("teacher_answers", 4, ("tasks.teaching.answers", *_ANSWERING))
MODEL = Stage("model", 4, (*_TRAINING, "tasks.finetuning.trainer", "tasks.finetuning.export"))
ANSWERS = Stage("answers", 5, ("tasks.evaluation.generation", *_ANSWERING))
BATCH = Stage(
    "batch",
    1,
    (
        "tasks.batch.chats",
        "tasks.batch.engine",
        "tasks.batch.shards",
        "tasks.batch.vectors",
        "tasks.models.encoding",
        *_ANSWERING,
    ),
)
LIKELIHOOD = Stage(
    "likelihood",
    2,
    ("tasks.evaluation.likelihood", "tasks.models.adapters", "tasks.models.chat_rendering"),
)
SCORECARD = Stage(
    "scorecard",
    4,
    (
        "model_registry.power.shares",
        "tasks.evaluation.calibration",
        "tasks.evaluation.comparison",
        "tasks.evaluation.confidence",
        "tasks.evaluation.intervals",
        "tasks.evaluation.metrics",
        "tasks.evaluation.notes",
        "tasks.evaluation.report",
        "tasks.evaluation.scoring",
        "tasks.evaluation.takeover_metric",
        "tasks.models.refusals",
    ),
)
EXPOSURE = Stage(
    "exposure",
    1,
    ("tasks.evaluation.memorisation", "tasks.models.canaries", "tasks.models.chat_rendering"),
)
TAKEOVER = Stage(
    "takeover", 2, ("data_contracts.phrases", "tasks.evaluation.takeover", *_ANSWERING)
)
JUDGEMENTS = Stage(
    "judgements", 1, ("tasks.evaluation.judging.endpoint", "tasks.evaluation.judging.verdicts")
)
LOST = Stage("lost", 1, ("tasks.evaluation.lost",))
SAMPLE = Stage("sample", 3, ("tasks.human_review.design", "tasks.human_review.sample"))
LOG_DAY = Stage(
    "log-day",
    1,
    (
        "data_contracts.inference_log",
        "data_contracts.log_lines",
        "data_contracts.log_values",
        "tasks.inference_log.compaction",
        "tasks.inference_log.files",
        "tasks.inference_log.items",
        "tasks.inference_log.sealed",
        "tasks.inference_log.seen",
    ),
)
LOG_ROWS = Stage("log-rows", 1, ("data_contracts.log_values", "tasks.inference_log.learning"))
_ROWS = (
    "tasks.drift.rows",
    "tasks.drift.texts",
    "tasks.models.embedding",
    "tasks.models.refusals",
)
DRIFT_REFERENCE = Stage("drift-reference", 2, ("tasks.drift.reference", *_ROWS))
DRIFT_ANSWERS = Stage("drift-answers", 2, ("tasks.drift.answers", *_ROWS))
DRIFT = Stage(
    "drift",
    7,
    (
        "data_contracts.inference_log",
        "data_contracts.log_lines",
        "data_contracts.log_values",
        "tasks.drift.attribution",
        "tasks.drift.comparison",
        "tasks.drift.judge",
        "tasks.drift.log",
        "tasks.drift.pooling",
        "tasks.drift.quiet",
        "tasks.drift.service",
        "tasks.drift.signals",
        "tasks.drift.standard",
        "tasks.drift.tenants",
        "tasks.drift.thresholds",
        "tasks.drift.topics",
        "tasks.inference_log.files",
        "tasks.inference_log.items",
        "tasks.inference_log.sealed",
        "tasks.inference_log.sketch",
        *_ROWS,
    ),
)
_INDEXING = (
    "tasks.models.encoding",
    "tasks.retrieval.blocks",
    "tasks.retrieval.building",
    "tasks.retrieval.chunking",
    "tasks.retrieval.graph",
    "tasks.retrieval.lexical",
)
INDEX = Stage("index", 1, _INDEXING)
INDEX_SCORECARD = Stage(
    "index-scorecard",
    3,
    (
        "model_registry.power.shares",
        "tasks.evaluation.intervals",
        "tasks.models.encoding",
        "tasks.retrieval.evaluating",
        "tasks.retrieval.index",
        "tasks.retrieval.lexical",
        "tasks.retrieval.nearest",
    ),
)
ROUTER = Stage(
    "router",
    1,
    (
        "model_registry.power.shares",
        "tasks.evaluation.intervals",
        "tasks.models.encoding",
        "tasks.routing.building",
        "tasks.routing.curve",
        "tasks.routing.model",
        "tasks.routing.pairs",
    ),
)
ROUTER_SCORECARD = Stage("router-scorecard", 1, (*ROUTER.made_by, "tasks.routing.evaluating"))
EVERY = (
    BASE,
    SHARD,
    SNAPSHOT,
    REFUSED,
    TEACHER_ANSWERS,
    MODEL,
    ANSWERS,
    BATCH,
    LIKELIHOOD,
    SCORECARD,
    EXPOSURE,
    TAKEOVER,
    JUDGEMENTS,
    LOST,
    SAMPLE,
    LOG_DAY,
    LOG_ROWS,
    DRIFT_REFERENCE,
    DRIFT_ANSWERS,
    DRIFT,
    INDEX,
    INDEX_SCORECARD,
    ROUTER,
    ROUTER_SCORECARD,
)
