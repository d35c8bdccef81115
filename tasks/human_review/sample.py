"""Draws the answers that people are asked to rate: some of every kind, the same ones every time.

Needs the cases.parquet of an evaluation. Writes sample.jsonl (redacted) into a folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "review"
SAMPLE = "sample.jsonl"


class SampledCase(Frozen):
    """One case to rate: what was asked, what is known to be right, and what the models said.

    `scores` are the candidate's automatic ones; `compared` is the role in `other` (base or
    champion) that it was drawn against.
    """

    eval_set: str
    case_id: str
    system: str
    prompt: str
    known: str
    answer: str
    compared: str
    other: str
    scores: dict[str, float | None]
    disagrees: bool


def draw_sample(
    cases: Path, out: Path, *, redact: Callable[[str], str], size: int = 24, seed: int = 0
) -> dict[str, int]:
    """Write a stratified sample of at most `size` cases; returns the counts a manifest keeps.

    Strata are eval set x the candidate's scores x whether the other model's scores differ. Eval
    sets take turns, and so do the strata of a set, those with a disagreement first; within a
    stratum the order is by hash of seed and case id.
    """
    rows = _rows(cases)
    chosen = [_sampled(row, redact) for row in _stratified(rows, seed)[:size]]
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{case.model_dump_json()}\n" for case in chosen]
    (out / SAMPLE).write_text("".join(lines), encoding="utf-8")
    return {
        "cases": len(rows),
        "sampled": len(chosen),
        "disagreements": sum(case.disagrees for case in chosen),
    }


def read_sample(folder: Path) -> tuple[SampledCase, ...]:
    """Return the sample of a folder; InputError if it cannot be read."""
    try:
        # Not splitlines: an answer may hold other signs that end a line, such as U+2028.
        lines = (folder / SAMPLE).read_text(encoding="utf-8").split("\n")
        return tuple(SampledCase.model_validate_json(line) for line in lines if line)
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(
            "the review sample cannot be read",
            step=STEP,
            where=str(folder),
            remedy="draw the sample again",
        ) from error


def _rows(cases: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(cases).read().to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            "the answers to sample from cannot be read",
            step=STEP,
            where=str(cases),
            remedy="run the evaluation again",
        ) from error


def _stratified(rows: Sequence[Mapping[str, Any]], seed: int) -> list[Mapping[str, Any]]:
    sets: dict[str, dict[tuple[bool, str], list[Mapping[str, Any]]]] = {}
    for row in sorted(rows, key=lambda row: _place(row, seed)):
        stratum = (not _disagrees(row), row["scores_candidate"])
        sets.setdefault(row["eval_set"], {}).setdefault(stratum, []).append(row)
    by_set = [_in_turn(strata[key] for key in sorted(strata)) for _, strata in sorted(sets.items())]
    return _in_turn(by_set)


def _in_turn(groups: Iterable[list[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    return [row for turn in zip_longest(*groups) for row in turn if row is not None]


def _place(row: Mapping[str, Any], seed: int) -> str:
    name = f"{seed}/{row['eval_set']}/{row['case_id']}"
    return hashlib.sha256(name.encode()).hexdigest()


def _other(row: Mapping[str, Any]) -> str:
    return "champion" if row.get("answer_champion") is not None else "base"


def _disagrees(row: Mapping[str, Any]) -> bool:
    return row["scores_candidate"] != row[f"scores_{_other(row)}"]


def _sampled(row: Mapping[str, Any], redact: Callable[[str], str]) -> SampledCase:
    other = _other(row)
    return SampledCase(
        eval_set=row["eval_set"],
        case_id=row["case_id"],
        system=redact(row["system"]),
        prompt=redact(row["prompt"]),
        known=redact(_known(row["expect"])),
        answer=redact(row["answer_candidate"]),
        compared=other,
        other=redact(row[f"answer_{other}"]),
        scores=json.loads(row["scores_candidate"]),
        disagrees=_disagrees(row),
    )


def _known(expect: str) -> str:
    """Return the gold facts of a question. What a leak would leak is left out on purpose."""
    return " ".join(json.loads(expect).get("facts") or ())
