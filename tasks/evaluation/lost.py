"""Case by case what a reference had right and the candidate has wrong, for people to read.

Needs a scorecard's folder (scorecard.json and cases.parquet). Writes lost.json, its texts redacted:
what a model says may hold what it should not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import InputError
from model_registry.lost_cases import LostCase, LostCases
from model_registry.scorecard import Changes, Role, Scorecard, read_scorecard
from tasks.evaluation.tables import read_rows

FILE = "lost.json"
LISTED = 200  # cases
_LONGEST = 240  # characters of a text

Redact = Callable[[str], str]


def list_lost(
    scorecard: Path, out: Path, *, build_redactor: Callable[[], Redact]
) -> dict[str, int]:
    """Write the lost cases of a scorecard's folder into `out`; return the counts.

    The redactor, which takes seconds to load, is built only if there is something to redact.
    """
    card = read_scorecard(scorecard / "scorecard.json")
    reference: Role = "champion" if "champion" in card.models else "base"
    changes = _changes(card, reference)
    figures: dict[tuple[str, str], list[str]] = {}
    for key, change in changes.items():
        eval_set, _, figure = key.partition("/")
        for case in change.lost:
            figures.setdefault((eval_set, case), []).append(figure)
    wanted = dict(list(figures.items())[:LISTED])
    found = LostCases(
        reference=reference,
        lost={key: len(change.lost) for key, change in changes.items()},
        won={key: change.won for key, change in changes.items()},
        cases=_cases(scorecard, wanted, reference, build_redactor) if wanted else (),
        left_out=len(figures) - len(wanted),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return {"lost": len(figures), "listed": len(wanted)}


def read_lost(folder: Path) -> LostCases:
    """Return what `list_lost` wrote; InputError if it cannot be read."""
    try:
        return LostCases.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            "the list of lost cases cannot be read",
            step="evaluate",
            where=str(folder),
            remedy="run the evaluation again",
        ) from error


def _changes(card: Scorecard, reference: Role) -> dict[str, Changes]:
    pair = f"candidate-{reference}"
    return {key: m.changes[pair] for key, m in card.metrics.items() if pair in m.changes}


def _cases(
    scorecard: Path,
    wanted: Mapping[tuple[str, str], list[str]],
    reference: Role,
    build_redactor: Callable[[], Redact],
) -> tuple[LostCase, ...]:
    rows = {(r["eval_set"], r["case_id"]): r for r in read_rows(scorecard / "cases.parquet")}
    redact = build_redactor()

    def shown(row: Mapping[str, Any], column: str) -> str:
        text = redact(row[column] or "")  # before it is cut: half a value is not recognized
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"

    return tuple(
        LostCase(
            eval_set=eval_set,
            case_id=case,
            figures=tuple(figures),
            prompt=shown(rows[eval_set, case], "prompt"),
            was=shown(rows[eval_set, case], f"answer_{reference}"),
            now=shown(rows[eval_set, case], "answer_candidate"),
        )
        for (eval_set, case), figures in wanted.items()
    )
