"""Answers that reviewers corrected, as rows to prefer: the correction over what the model said.

Needs samples and what people said of them. Writes a JSONL file of `preference` rows. Questions of
eval sets are never trained on, so their corrections are counted and left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from data_contracts.records import Frozen
from tasks.human_review.sample import SERVED, SampledAnswer

Correction = tuple[SampledAnswer, str]
_AGAIN = "corrected a second time: the first correction stands"


class Written(Frozen):
    """How many rows were written, and of the other corrections why they were not."""

    rows: int
    left_out: dict[str, int]


def write_preferences(
    corrections: Iterable[Correction], out: Path, redact: Callable[[str], str]
) -> Written:
    """Write a row for every correction that may be learned from, the same ones once."""
    rows: dict[str, str] = {}
    left_out: dict[str, int] = {}
    for answer, correction in corrections:
        if reason := _why_not(answer, correction) or (_AGAIN if answer.item in rows else ""):
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        row = {"prompt": answer.prompt, "chosen": redact(correction), "rejected": answer.answer}
        rows[answer.item] = json.dumps(row, ensure_ascii=False, sort_keys=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{row}\n" for _, row in sorted(rows.items())), encoding="utf-8")
    return Written(rows=len(rows), left_out=left_out)


def _why_not(answer: SampledAnswer, correction: str) -> str:
    if SERVED not in answer.models:
        return "of a question of an eval set, which is never trained on"
    if not answer.answer.strip():
        return "of an empty answer: there is nothing to prefer it to"
    return "the same as the answer" if correction.strip() == answer.answer.strip() else ""
