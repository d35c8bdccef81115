"""Prefect's view of teaching: the rows with a teacher's answers, found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.models.respondents import answered_by
from tasks.models.serving.server import Serving
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import TEACHER_ANSWERS, Work
from tasks.teaching.answers import answer, read_questions, write_answers

Progress = Callable[[int, int | None], None]


class RedactorRecipe(Protocol):
    """How a redactor is built, and what decides its results."""

    def __call__(self) -> Any:
        """Load the redactor."""
        ...

    def identity(self) -> dict[str, Any]:
        """Return what decides its results; loads nothing heavy."""
        ...


def teaching_work(
    teacher: Reference,
    snapshot: Reference,
    max_new_tokens: int,
    redactor: RedactorRecipe,
    serving: Serving | None,
) -> Work:
    """Return the work of answering a snapshot's prompts."""
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
