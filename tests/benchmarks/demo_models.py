"""The demo's model as benchmarks train and ask it, without a store or servers."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import Record, Split
from eval_sets.types import EvalSet
from tasks.demo_desk.wording import Conversation
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Answer
from tasks.finetuning.base_model import locate, materialize
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import Recipe, TrainingJob, TrainingSummary
from tasks.models.prompts import render_prompts
from tasks.models.respondents import Respondent
from tests.documents import write_snapshot

BASE = "smollm2-135m-instruct"
Figures = dict[str, list[float]]


class Told(NamedTuple):
    """A case's answer and its scores; a score is None where its figure does not apply."""

    id: str
    answer: str
    scores: Mapping[str, float | None]


def bring_base(folder: Path) -> Path:
    """Write the embedded base into a folder of this one; return it."""
    base = folder / "base"
    base.mkdir()
    materialize(locate(BASE, Path, None, folder), base)
    return base


def train_on(
    rows: Sequence[Conversation], base: Path, out: Path, recipe: Recipe, seed: int
) -> TrainingSummary:
    """Train a base on rows as `paddock run` would; the model is `out/model`.

    One row in twenty is held out, as in ingestion; `seed` shuffles them.
    """
    records: list[tuple[Split, Record]] = [
        ("validation" if number % 20 == 0 else "train", ChatRecord(messages=row))
        for number, row in enumerate(random.Random(seed).sample(rows, len(rows)))
    ]
    out.mkdir()
    write_snapshot(out / "rows", "chat", records)
    job = TrainingJob(
        base=str(base),
        base_name=BASE,
        base_digest="0" * 64,
        snapshot=str(out / "rows"),
        kind="chat",
        out=str(out),
        recipe=recipe,
    )
    return run_training(job, _quiet)


def _quiet(event: Mapping[str, Any]) -> None:
    """Say nothing of a training's steps."""


def score_set(asked: Respondent, one: EvalSet, figures: Figures) -> list[Told]:
    """Add one set's scores to the figures by `set/figure`; return each case's answer and scores."""
    prompts = render_prompts([one], asked.tokenizer, asked.context)
    asked.answer(prompts, lambda done, total: None)
    scorer = SCORERS[one.card.scorer]
    told: list[Told] = []
    for case, prompt in zip(one.cases, prompts, strict=True):
        said = asked.tokenizer.decode(prompt.answer, skip_special_tokens=True)
        words = "\n".join(turn.content for turn in case.messages if turn.role == "user")
        answer = Answer(said, words, len(prompt.answer), one.card.claim_terms)
        scores = scorer.score(answer, case.expect)
        for figure, score in scores.items():
            if score is not None:
                figures.setdefault(f"{one.name}/{figure}", []).append(score)
        told.append(Told(case.id, said, scores))
    return told


def write_answers(path: Path, told: Sequence[tuple[str, Told]]) -> None:
    """Write each set's answers with their scores as lines of JSON."""
    lines = (json.dumps({"set": name, **one._asdict()}) for name, one in told)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
