"""What a person gave for a batch, resolved: who answers, the requests that can be answered, places.

All of it is read and counted here, and nothing is answered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import ContractError, InputError, shielded
from flows.asking.batch_parameters import ENCODER, BatchParameters
from flows.asking.training import find_model
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from model_registry.candidates import candidate_of
from model_registry.ledger.rows import ADDRESS
from tasks.batch.bodies import CHATS, EMBEDDINGS, read_batch
from tasks.batch.chats import Chats
from tasks.batch.documents import read_documents, ready_template, require_labels
from tasks.batch.engine import WITHHELD, Engine, Size
from tasks.batch.lines import STEP, Refusal, Request, Requests
from tasks.batch.shards import Asked, Shard, in_shards
from tasks.batch.vectors import Vectors
from tasks.finetuning.steps import base_step
from tasks.inference_log.redacting import UNREAD, Redactor
from tasks.models.encoding import Encoder
from tasks.models.hardware import device_and_precision
from tasks.models.respondents import answered_by, respondent


class Model(NamedTuple):
    """Who answers: how it is called, the digest it goes by, its files, and what it is also called.

    The packaged encoder has no folder of ours. `registered` is the model's name in the registry.
    """

    called: str
    digest: str
    folder: Callable[[], AbstractContextManager[Path]]
    names: tuple[str, ...]
    registered: str = ""


class Ready(NamedTuple):
    """A batch that can begin: each line has a request or a refusal, each request a shard."""

    model: Model
    engine: Engine
    asked: Asked
    batch: Requests
    shards: Sequence[Shard]
    recipe: RedactorRecipe | None
    redactor: Callable[[], Redactor | None]

    @property
    def told(self) -> str:
        """Return what was read, in one line."""
        kinds = Counter(one.code for one in self.batch.refused)
        lines = len(self.batch.requests) + len(self.batch.refused)
        why = ", ".join(f"{count:,} {code}" for code, count in kinds.most_common())
        return (
            f"{lines:,} lines: {len(self.batch.requests):,} requests to answer, "
            f"{len(self.batch.refused):,} refused" + (f" ({why})" if why else "")
        )


@contextmanager
def ready(workshop: Workshop, parameters: BatchParameters) -> Generator[Ready]:
    """Give a batch that can begin; InputError says why it cannot.

    The model's files are there until the block ends.
    """
    model = _model(workshop, parameters.model)
    batch = _read(parameters, model)
    recipe = _recipe(workshop, parameters)

    @cache
    def redactor() -> Redactor | None:
        return recipe() if recipe else None

    by = {} if _encodes(parameters) else answered_by(workshop.serving)
    redaction = recipe.identity() if recipe else None
    asked = Asked({"model": model.digest}, {**by, "redaction": redaction})
    with model.folder() as folder, _engine(workshop, parameters, model, folder) as engine:
        measured, sizes = _measured(_readable(batch, recipe), engine)
        most = min(parameters.shard, parameters.per_minute or parameters.shard)
        shards = list(in_shards(measured.requests, sizes, most))
        yield Ready(model, engine, asked, measured, shards, recipe, redactor)


def _encodes(parameters: BatchParameters) -> bool:
    return parameters.model == ENCODER


def _model(workshop: Workshop, given: str) -> Model:
    if given == ENCODER:
        encoder = Encoder()
        return Model(ENCODER, encoder.digest, lambda: nullcontext(Path()), (ENCODER,))
    if re.fullmatch(ADDRESS, given):
        return _registered(workshop, given)
    located = find_model(workshop, given)
    base = base_step.fn(workshop.outputs, located).reference  # no task: `check` is no flow
    names = (located.name, given)
    return Model(
        located.name, base.digest, lambda: nullcontext(workshop.outputs.fetch(base)), names
    )


def _registered(workshop: Workshop, given: str) -> Model:
    """Return a registered version, whose signature and bytes are verified when they are needed."""
    version = workshop.version_named(given)
    candidate = candidate_of(version)
    digest = candidate.references.get("model")
    if digest is None:
        raise ContractError(
            "the version names no trained model",
            step=STEP,
            where=given,
            remedy="name a model's version; an index is asked with `paddock index search`",
        )

    @contextmanager
    def folder() -> Generator[Path]:
        with workshop.verified_files(version) as files:
            yield files / "model"

    called = f"{version.name}/{version.version}"
    names = (called, given, version.name)
    return Model(called, digest, folder, names, candidate.model)


def _read(parameters: BatchParameters, model: Model) -> Requests:
    path = Path(parameters.file)
    if not parameters.task:
        url = EMBEDDINGS if _encodes(parameters) else CHATS
        return read_batch(path, url, model.names, parameters.max_tokens)
    if _encodes(parameters):
        raise InputError(
            f"the encoder answers no task {parameters.task}",
            step=STEP,
            where=f"model {parameters.model}",
            remedy="give a model that answers chats",
        )
    labels = parameters.labels if parameters.task == "label" else ()
    words = {"labels": ", ".join(labels), "language": parameters.language}
    template = ready_template(parameters.task, parameters.template, words)
    if parameters.task == "label":
        require_labels(labels)
    return read_documents(path, template, parameters.column, labels, parameters.language)


def _recipe(workshop: Workshop, parameters: BatchParameters) -> RedactorRecipe | None:
    if not parameters.redact:
        return None
    recipe = workshop.redactor(names=parameters.names, keep=parameters.keep)
    recipe.identity()  # stops if the names model is missing
    return recipe


@contextmanager
def _engine(
    workshop: Workshop, parameters: BatchParameters, model: Model, folder: Path
) -> Generator[Engine]:
    if _encodes(parameters):
        yield Vectors(Encoder())
        return
    device, dtype = device_and_precision()
    log = workshop.settings.home / "logs" / "batch-serve.log"
    log.parent.mkdir(exist_ok=True)

    def opened() -> AbstractContextManager[object]:
        return respondent(
            folder,
            device=device,
            dtype=dtype,
            serving=workshop.serving,
            name=model.digest,
            log=log,
        )

    with Chats(folder, opened) as chats:  # pyright: ignore[reportArgumentType]
        yield chats


def _readable(batch: Requests, recipe: RedactorRecipe | None) -> Requests:
    """Return the batch with those refused, too, of which nothing could be kept once answered."""
    kept: list[Request] = []
    refused = list(batch.refused)
    for request in batch.requests:
        texts = [*(turn.content for turn in request.messages), *request.texts]
        if recipe and (language := recipe.unread_language(texts)):
            why = UNREAD.format(language)
            refused.append(Refusal(request.line, request.custom_id, WITHHELD, why))
        else:
            kept.append(request)
    return Requests(kept, refused)


def _measured(batch: Requests, engine: Engine) -> tuple[Requests, list[Size]]:
    """Return the batch with those refused, too, that the model cannot take; InputError if all."""
    kept: list[Request] = []
    sizes: list[Size] = []
    refused = list(batch.refused)
    with shielded(STEP):
        measured = engine.measure(batch.requests)
    for request, found in zip(batch.requests, measured, strict=True):
        if isinstance(found, Refusal):
            refused.append(found)
        else:
            kept.append(request)
            sizes.append(found)
    if not kept:
        first = refused[-1]
        raise InputError(
            "none of the requests can be answered",
            step=STEP,
            where=f"line {first.line}: {first.message}",
            remedy="shorten them or their max_tokens, take another model, or see docs/batch.md",
        )
    return Requests(kept, refused), sizes
