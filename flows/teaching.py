"""A teacher's own answers to the training rows' prompts, for a student to learn from.

Here and not in a stage, since it takes three: evaluation generates, redaction cleans, ingestion's
writer keeps. Greedy answers; a row keeps its id, so that it is still found and forgotten by it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.registry import KINDS
from data_contracts.records import Message
from data_contracts.snapshot.reading import (
    REPORT,
    SnapshotReport,
    read_report,
    read_rows,
    report_json,
)
from flows.workshop.redactors import RedactorRecipe
from tasks.models.serving.server import Serving
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import TEACHER_ANSWERS, Work

if TYPE_CHECKING:
    from tasks.models.respondents import Respondent

PART, BATCH, SHARD_ROWS = 256, 64, 50_000  # prompts between saves, at a time; rows a file
SPLITS = ("train", "validation")
Progress = Callable[[int, int | None], None]


class Question(NamedTuple):
    """A row to answer: its columns, and the turns before the answer to be."""

    row: dict[str, Any]
    turns: tuple[Message, ...]


def teaching_work(
    teacher: Reference,
    snapshot: Reference,
    max_new_tokens: int,
    redactor: RedactorRecipe,
    serving: Serving | None,
) -> Work:
    """Return the work of answering a snapshot's prompts."""
    from tasks.evaluation.steps import answered_by

    inputs = {"teacher": teacher.digest, "snapshot": snapshot.digest}
    made_by = {"max_new_tokens": max_new_tokens, "redaction": redactor.identity()}
    return TEACHER_ANSWERS.of(inputs, {**made_by, **answered_by(serving)})


@task(name="let the teacher answer", cache_policy=NO_CACHE)
def teaching_step(
    outputs: Outputs,
    teacher: Reference,
    snapshot: Reference,
    *,
    max_new_tokens: int,
    redactor: RedactorRecipe,
    serving: Serving | None,
    progress: Progress,
) -> Built:
    """Write the rows with the teacher's answers, as a snapshot of chats, or find them."""
    work = teaching_work(teacher, snapshot, max_new_tokens, redactor, serving)

    def make(folder: Path) -> dict[str, int]:
        questions = list(read_questions(outputs.fetch(snapshot)))
        answers = answer(
            outputs.fetch(teacher),
            questions,
            folder / ".answers",
            max_new_tokens,
            progress,
            serving=serving,
            name=teacher.digest,
        )
        report = write_answers(folder, questions, answers, redactor(), work.inputs)
        return report.counts()

    return outputs.build(work, make)


def read_questions(snapshot: Path) -> Iterator[Question]:
    """Yield the rows to train on and to validate with, each up to the last answer to be learned."""
    schema = KINDS[read_report(snapshot).kind]
    for row in read_rows(snapshot):
        if row["split"] in SPLITS:
            turns = schema.from_columns(row).conversation()
            last = max(
                n for n, turn in enumerate(turns) if turn.role == "assistant" and turn.target
            )
            if last:  # an answer to nothing is none
                yield Question(row, turns[:last])


def answer(
    folder: Path,
    questions: Sequence[Question],
    kept: Path,
    budget: int,
    progress: Progress,
    *,
    serving: Serving | None = None,
    name: str = "",
) -> list[str]:
    """Return the teacher's answer to each question, "" where it came to no end in `budget` tokens.

    They are kept in `kept`, some at a time, so that a run that was killed goes on there. With
    `serving`, a server answers that serves the teacher as `name`.
    """
    from tasks.evaluation.steps import hardware
    from tasks.models.respondents import respondent

    kept.mkdir(exist_ok=True)
    starts = range(0, len(questions), PART)
    paths = [kept / f"{number:05d}.json" for number in range(len(starts))]
    if not all(path.exists() for path in paths):
        device, dtype = hardware()
        with respondent(
            folder,
            batch_size=BATCH,
            device=device,
            dtype=dtype,
            serving=serving,
            name=name,
            log=kept / "serve.log",
        ) as teacher:
            for path, start in zip(paths, starts, strict=True):
                part = questions[start : start + PART]
                if not path.exists():
                    tell = partial(progress, start, len(questions))
                    path.with_suffix(".part").write_text(
                        json.dumps(_answers(teacher, part, budget, tell))
                    )
                    path.with_suffix(".part").replace(path)
                progress(start + len(part), len(questions))
    return [text for path in paths for text in json.loads(path.read_text())]


def _answers(
    teacher: Respondent,
    questions: Sequence[Question],
    budget: int,
    tell: Callable[[], None],
) -> list[str]:
    """Return each question's answer; `tell` is called now and then, as while a server starts."""
    from tasks.models.prompts import Prompt, render_turns

    prompts: list[Prompt] = []
    for number, question in enumerate(questions):
        turns = [turn.model_dump() for turn in question.turns]
        try:
            text = render_turns(turns, teacher.tokenizer, f"row {question.row['id']}")
        except InputError:  # it asks nothing that the teacher takes: one row without an answer
            prompts.append(Prompt("", f"{number:05d}", [], 0))
            continue
        ids: Any = teacher.tokenizer(text, add_special_tokens=False)["input_ids"]
        room = min(budget, teacher.context - len(ids))
        prompts.append(Prompt("", f"{number:05d}", ids, room))
    teacher.answer([p for p in prompts if p.budget > 0], lambda done, total: tell())
    return ["" if p.truncated else _text(p.answer, teacher.tokenizer) for p in prompts]


def _text(tokens: list[int], tokenizer: Any) -> str:
    return tokenizer.decode(tokens, skip_special_tokens=True).strip()


def write_answers(
    folder: Path,
    questions: Sequence[Question],
    answers: Sequence[str],
    redactor: Any,
    sources: dict[str, str],
) -> SnapshotReport:
    """Write the rows whose answer is whole, redacted; InputError if there is none."""
    from data_contracts.snapshot.writing import SnapshotWriter

    writer = SnapshotWriter(folder, ChatRecord.KIND, SHARD_ROWS, lambda _: None)
    kinds, fates, characters = Counter[str](), Counter[str](), 0
    redacted = redactor.redact_records([[text] for text in answers])
    for question, text, clean in zip(questions, answers, redacted, strict=True):
        if not text or clean.dropped_for is not None:
            fates["dropped" if text else "unfinished"] += 1
            continue
        [said] = clean.texts
        turns = (*question.turns, Message(role="assistant", content=said))
        row = {name: question.row[name] for name in ("id", "subject")}
        row |= {"messages": [turn.model_dump() for turn in turns]}
        row |= {"redactions": json.dumps(dict(sorted(clean.kinds.items())))}
        place = question.row["source"], question.row["line"]
        writer.keep(row, question.row["split"], place, len(said))
        kinds += clean.kinds
        characters += sum(len(turn.content) for turn in turns)
    writer.close()
    if not writer.written["train"]:
        raise InputError(
            "the teacher finished no answer that may be kept",
            step="finetune",
            where="teacher",
            remedy="raise distill_max_new_tokens, or take another teacher",
        )
    report = SnapshotReport(
        kind=ChatRecord.KIND,
        sources=sources,
        rows_in=len(questions),
        kept=sum(writer.written.values()),
        quarantined={"the teacher came to no end": fates["unfinished"]},
        duplicates=0,
        contaminated=0,
        dropped_by_policy=fates["dropped"],
        redacted=dict(kinds),
        splits=dict(writer.written),
        characters=characters,
    )
    (folder / REPORT).write_text(report_json(report))
    return report
