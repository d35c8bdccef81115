"""Scores answers: which scorer gives which figures, and a table of cases with every model's score.

Needs the eval sets and each model's answers (see generation.py). Writes nothing: the scorecard's
builder does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from eval_sets.types import EvalSet
from model_registry.scorecard import Role
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.tables import read_json, read_rows

ROLES: tuple[Role, ...] = ("base", "candidate", "champion")


class ScoredAnswer(Frozen):
    """A model's answer to a case and its scores; None where a figure does not apply."""

    answer: str
    truncated: bool
    tokens: int
    scores: dict[str, float | None]
    log_probability: float | None = None

    @property
    def confidence(self) -> float | None:
        """Return exp(log-probability / tokens), the end token counted; None where not known."""
        terms, known = self.tokens + (not self.truncated), self.log_probability
        if known is None or not math.isfinite(known) or not terms:
            return None
        return math.exp(min(0.0, known) / terms)


class ScoredCase(Frozen):
    """A case and what each model answered."""

    eval_set: str
    case_id: str
    cluster: str  # empty: the case stands for itself
    system: str
    prompt: str
    expect: str
    answers: dict[Role, ScoredAnswer]


def score_cases(answers: Mapping[Role, Path], sets: Sequence[EvalSet]) -> list[ScoredCase]:
    """Score every model's answers (folders that hold answers.parquet) to every case."""
    by_role = {role: _answers(folder, sets, role) for role, folder in answers.items()}
    cases: list[ScoredCase] = []
    for eval_set in sets:
        scored = {role: _scored(eval_set, rows) for role, rows in by_role.items()}
        for index, case in enumerate(eval_set.cases):
            cases.append(
                ScoredCase(
                    eval_set=eval_set.name,
                    case_id=case.id,
                    cluster=case.cluster,
                    system=_said(case.messages, "system"),
                    prompt=case.messages[-1].content,
                    expect=case.expect.model_dump_json(),
                    answers={role: scored[role][index] for role in ROLES if role in scored},
                )
            )
    return cases


def _scored(eval_set: EvalSet, rows: Mapping[tuple[str, str], Any]) -> list[ScoredAnswer]:
    from tasks.evaluation.metrics.case_metric import CaseMetric

    given = [rows[eval_set.name, case.id] for case in eval_set.cases]
    figures = CaseMetric(SCORERS[eval_set.card.scorer]).per_case(
        predictions=[row["answer"] for row in given],
        references=[case.expect.model_dump_json() for case in eval_set.cases],
        questions=[_said(case.messages, "user") for case in eval_set.cases],
        tokens=[row["tokens"] for row in given],
        claim_terms=eval_set.card.claim_terms,
    )
    return [
        ScoredAnswer(
            answer=row["answer"],
            truncated=row["truncated"],
            tokens=row["tokens"],
            log_probability=row.get("log_probability"),
            scores={figure: scores[index] for figure, scores in figures.items()},
        )
        for index, row in enumerate(given)
    ]


def _said(messages: Sequence[Any], role: str) -> str:
    return "\n".join(message.content for message in messages if message.role == role)


def _answers(
    folder: Path, sets: Sequence[EvalSet], role: Role
) -> dict[tuple[str, str], dict[str, Any]]:
    """Read a model's answers; InputError unless they are to these very cases."""
    asked = read_json(folder / "answers.json").get("eval_sets", {})
    rows = {(r["eval_set"], r["case_id"]): r for r in read_rows(folder / "answers.parquet")}
    for eval_set in sets:
        same_version = asked.get(eval_set.name, {}).get("digest") == eval_set.digest
        if not same_version or any((eval_set.name, c.id) not in rows for c in eval_set.cases):
            raise InputError(
                f"the {role} model's answers are not to this version of {eval_set.name}",
                step="evaluate",
                where=str(folder),
                remedy="let the model answer the eval sets again",
            )
    return rows
