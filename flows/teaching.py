"""A teacher's own answers to the training rows' prompts, for a student to learn from.

Here and not in a stage, since it takes three: evaluation generates, redaction cleans, ingestion's
writer keeps. Greedy answers; a row keeps its id, so that it is still found and forgotten by it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import InputError
from data_contracts.records import SCHEMAS, Message, conversation
from data_contracts.snapshot import REPORT, SnapshotReport, read_report, read_rows, report_json
from flows.redactors import RedactorRecipe
from tasks.storage.outputs import Built, Outputs, Reference

STAGE, RECIPE = "teacher_answers", 1
PART, BATCH, SHARD_ROWS = 256, 64, 50_000  # prompts between saves, at a time; rows a file
SPLITS = ("train", "validation")
Progress = Callable[[int, int | None], None]


class Question(NamedTuple):
    """A row to answer: its columns, and the turns before the answer to be."""

    row: dict[str, Any]
    turns: tuple[Message, ...]


def teaching_identity(
    teacher: Reference, snapshot: Reference, max_new_tokens: int, redactor: RedactorRecipe
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return (inputs, parameters) of a teacher's answers: what their fingerprint is made of."""
    from tasks.evaluation.steps import hardware

    device, dtype = hardware()
    inputs = {"teacher": teacher.digest, "snapshot": snapshot.digest}
    made_by = {"max_new_tokens": max_new_tokens, "redaction": redactor.identity()}
    return inputs, {**made_by, "device": device, "dtype": dtype}


@task(name="let the teacher answer", cache_policy=NO_CACHE)
def teaching_step(
    outputs: Outputs,
    teacher: Reference,
    snapshot: Reference,
    *,
    max_new_tokens: int,
    redactor: RedactorRecipe,
    progress: Progress,
) -> Built:
    """Write the rows with the teacher's answers, as a snapshot of chats, or find them."""
    inputs, parameters = teaching_identity(teacher, snapshot, max_new_tokens, redactor)

    def make(folder: Path) -> dict[str, int]:
        questions = list(read_questions(outputs.fetch(snapshot)))
        model = outputs.fetch(teacher)
        answers = answer(model, questions, folder / ".answers", max_new_tokens, progress)
        report = write_answers(folder, questions, answers, redactor(), inputs)
        return report.counts()

    return outputs.build(STAGE, RECIPE, inputs, parameters, make)


def read_questions(snapshot: Path) -> Iterator[Question]:
    """Yield the rows to train on and to validate with, each up to its last answer."""
    schema = SCHEMAS[read_report(snapshot).kind]
    for row in read_rows(snapshot):
        if row["split"] in SPLITS:
            record = schema.model_validate({name: row[name] for name in schema.model_fields})
            turns = conversation(record)
            last = max(n for n, turn in enumerate(turns) if turn.role == "assistant")
            if last:  # an answer to nothing is none
                yield Question(row, turns[:last])


def answer(
    folder: Path, questions: Sequence[Question], kept: Path, budget: int, progress: Progress
) -> list[str]:
    """Return the teacher's answer to each question, "" where it came to no end in `budget` tokens.

    They are kept in `kept`, some at a time, so that a run that was killed goes on there.
    """
    kept.mkdir(exist_ok=True)
    load = _Teacher(folder)
    answers: list[str] = []
    for number, start in enumerate(range(0, len(questions), PART)):
        path = kept / f"{number:05d}.json"
        if not path.exists():
            made = load.answers(questions[start : start + PART], budget)
            path.with_suffix(".part").write_text(json.dumps(made))
            path.with_suffix(".part").replace(path)
        answers += json.loads(path.read_text())
        progress(len(answers), len(questions))
    return answers


class _Teacher:
    """A model that is loaded when it is first asked."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._loaded = folder, None

    def answers(self, questions: Sequence[Question], budget: int) -> list[str]:
        from model_registry.loading import load_model
        from tasks.evaluation.generation import answer_prompts
        from tasks.evaluation.prompts import Prompt, render_turns
        from tasks.evaluation.steps import hardware

        if self._loaded is None:
            device, dtype = hardware()
            self._loaded = load_model(self._folder, device=device, dtype=dtype)
        model, tokenizer = self._loaded
        context = int(model.config.max_position_embeddings)
        prompts: list[Prompt] = []
        for number, question in enumerate(questions):
            turns = [turn.model_dump() for turn in question.turns]
            text = render_turns(turns, tokenizer, f"row {question.row['id']}")
            ids: Any = tokenizer(text, add_special_tokens=False)["input_ids"]
            prompts.append(Prompt("", f"{number:05d}", ids, min(budget, context - len(ids))))
        fitting = [prompt for prompt in prompts if prompt.budget > 0]
        answer_prompts(model, tokenizer, fitting, batch_size=BATCH)
        return ["" if p.truncated else _text(p.answer, tokenizer) for p in prompts]


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
    from tasks.ingestion.shards import SnapshotWriter

    writer = SnapshotWriter(folder, "chat", SHARD_ROWS, lambda _: None)
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
        kind="chat",
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
