"""`augment`: a model asks the questions of rows to train on in other words, for more rows.

The questions are a batch (flows/batch.py): sharded, found again, within a budget, redacted. What it
answers is sifted as ingestion sifts rows, against all rows of the snapshot and the eval sets, and
every wording that falls out is counted by its reason. Writes `variants.jsonl`, rows that name the
one they were made of, and the batch's own files; nothing is trained on until it is ingested.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.contracts import Duplicates
from data_contracts.errors import InputError, PaddockError
from eval_sets.loading import evaluation_texts
from flows.asking.augment_parameters import AugmentParameters
from flows.asking.flow_runs import run_name
from flows.asking.inputs import kept_out_of_training
from flows.asking.training import chosen_snapshot, require_nobody_forgotten
from flows.batch import Batch, batch
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.batch.bodies import CHATS
from tasks.batch.documents import Template, ready_template
from tasks.batch.rewording import wordings
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.variants import STEP, Question, Sifted, read_questions, rows_of, sift
from tasks.models.encoding import Encoder, first_words
from tasks.storage.outputs import Manifest, Outputs, Reference

REQUESTS, ANSWERS, VARIANTS = "requests.jsonl", "requests.answers.jsonl", "variants.jsonl"
MORE = "more than were asked for"


class Augmented(BaseModel):
    """What an augmentation came to; `dropped` counts wordings by why they fell out."""

    file: str
    asked: int
    told: int
    kept: int
    rows: int
    dropped: dict[str, int]
    unanswered: int


@flow(name="augment", flow_run_name=run_name, description=__doc__)
def augment(parameters: AugmentParameters) -> State[Augmented]:
    """Write variants of a snapshot's rows to train on."""
    workshop = Workshop(read_settings())
    snapshot = chosen_snapshot(workshop, parameters.snapshot)
    require_nobody_forgotten(workshop, snapshot)
    words = {"variants": str(parameters.variants)}
    template = ready_template("augment", parameters.template, words)
    leaks = EvaluationTexts(
        (entry.name, text)
        for entry in kept_out_of_training(parameters.eval_sets)
        for text in evaluation_texts([entry])
    )
    manifest = workshop.outputs.manifest(snapshot)
    used = manifest.parameters["redaction"]
    folder = _folder(parameters.to)
    questions = read_questions(workshop.outputs.fetch(snapshot))[: parameters.most_rows]
    _write(folder / REQUESTS, [_request(one, template, words) for one in questions])
    asked = parameters.batch(
        str(folder / REQUESTS), used["names_model"] is not None, tuple(used["keep"])
    )
    answered = cast(Batch, batch(asked))
    told, beyond = _told(folder / ANSWERS, questions, parameters.variants)
    with stage("sift the variants"):
        sifted = _sifted(workshop.outputs, snapshot, told, leaks, parameters.least_cosine)
    dropped = sifted.dropped + Counter({MORE: beyond} if beyond else {})
    _write(folder / VARIANTS, list(rows_of(sifted.kept, _subject_column(manifest))))
    done = Augmented(
        file=str(folder / VARIANTS),
        asked=len(questions),
        told=len(told) + beyond,
        kept=len(sifted.kept),
        rows=len({one.origin.id for one in sifted.kept}),
        dropped=dict(dropped.most_common()),
        unanswered=answered.refused,
    )
    said = summary(done)
    LOGGER.info("%s", said)
    publish_page(
        "augmentation",
        f"```\n{said}\n```",
        "How many variants of rows a model wrote, and why others fell out",
        to_do=_next(done),
    )
    message = f"{done.kept:,} variants of {done.rows:,} rows."
    return Completed(message=message, data=done)


def _next(done: Augmented) -> str:
    if not done.kept:
        return (
            "try another model, or a template with examples of your own: this one wrote nothing "
            "that may be trained on. One that learned to answer for a desk answers and rewords not."
        )
    return (
        "put the file beside the source's rows, and ingest both with a contract that says "
        'synthetic = "synthetic".'
    )


def summary(done: Augmented) -> str:
    """Return what an augmentation came to, as text."""
    lines = [
        f"{done.kept:,} variants of {done.rows:,} rows, of {done.told:,} that were written of "
        f"{done.asked:,}",
        *(f"  {count:6,}  {why}" for why, count in done.dropped.items()),
    ]
    if done.unanswered:
        lines.append(f"  {done.unanswered:,} rows have no answer: requests.errors.jsonl says why")
    return "\n".join([*lines, f"  rows      {done.file}"])


def _folder(given: str) -> Path:
    folder = Path(given)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = sorted(
            path.name
            for path in folder.iterdir()
            if not path.name.startswith(("requests.", "variants."))
        )
    except OSError as error:
        raise _unusable(f"the folder cannot be made or read ({error.strerror})", given) from None
    if strange:
        raise _unusable("the folder holds other things", given)
    return folder


def _unusable(what: str, where: str) -> InputError:
    return InputError(what, step=STEP, where=where, remedy="name another folder with --to")


def _request(question: Question, template: Template, words: dict[str, str]) -> dict[str, Any]:
    turns = template.messages(question.text, words)
    body = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
        "max_tokens": template.max_tokens,
    }
    return {"custom_id": question.id, "method": "POST", "url": CHATS, "body": body}


def _told(
    answers: Path, questions: Sequence[Question], most: int
) -> tuple[list[tuple[Question, str]], int]:
    """Return every wording with its question, and how many there were beyond those asked for."""
    known = {question.id: question for question in questions}
    told: list[tuple[Question, str]] = []
    beyond = 0
    with answers.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            [choice] = row["response"]["body"]["choices"]
            whole = choice["finish_reason"] == "stop"
            found = wordings(choice["message"]["content"], whole=whole)
            told += [(known[row["custom_id"]], text) for text in found[:most]]
            beyond += len(found[most:])
    return told, beyond


def _sifted(
    outputs: Outputs,
    snapshot: Reference,
    told: Sequence[tuple[Question, str]],
    leaks: EvaluationTexts,
    least: float,
) -> Sifted:
    encoder = Encoder()

    def alike(one: Sequence[str], other: Sequence[str]) -> Sequence[float]:
        if not one:
            return []
        first, second = (encoder.encode(first_words(encoder, texts)) for texts in (one, other))
        return [float(cosine) for cosine in (first * second).sum(axis=1)]

    threshold = Duplicates().threshold  # a contract's own counts when they are ingested
    with outputs.borrow(snapshot) as rows, TemporaryDirectory(prefix="paddock-augment-") as scratch:
        place = Path(scratch) / "seen.sqlite"
        return sift(rows, told, leaks, alike, least, place, threshold=threshold)


def _subject_column(manifest: Manifest) -> str:
    """Return the column in which the snapshot's source names a row's person; empty if none does."""
    subject = manifest.parameters.get("subject")
    return str(subject[0]) if subject else ""


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    aside = path.with_name(f"{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        aside.replace(path)
    except OSError as error:
        raise PaddockError(
            f"the rows cannot be written ({error.strerror})",
            step=STEP,
            where=str(path),
            remedy="make room, or name another folder with --to, and run again: what is answered "
            "is kept",
        ) from None
