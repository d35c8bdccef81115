"""A teacher's own answers to the training rows' prompts, for a student to learn from.

Needs a teacher's folder and a snapshot's; writes a snapshot of chats. Greedy answers; a row keeps
its id, so that it is still found and forgotten by it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from tasks.models.serving.server import Serving

if TYPE_CHECKING:
    from tasks.models.respondents import Respondent

PART, BATCH, SHARD_ROWS = 256, 64, 50_000  # prompts between saves, at a time; rows a file
SPLITS = ("train", "validation")
Progress = Callable[[int, int | None], None]


class Question(NamedTuple):
    """A row to answer: its columns, and the turns before the answer to be."""

    row: dict[str, Any]
    turns: tuple[Message, ...]


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
    from tasks.models.hardware import device_and_precision
    from tasks.models.respondents import respondent

    kept.mkdir(exist_ok=True)
    starts = range(0, len(questions), PART)
    paths = [kept / f"{number:05d}.json" for number in range(len(starts))]
    if not all(path.exists() for path in paths):
        device, dtype = device_and_precision()
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
    from tasks.models.prompts import Prompt, render_question

    prompts: list[Prompt] = []
    for number, question in enumerate(questions):
        try:
            text = render_question(question.turns, teacher.tokenizer, f"row {question.row['id']}")
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
