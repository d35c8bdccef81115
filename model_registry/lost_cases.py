"""The cases that a reference had right and the candidate has wrong, as people read them.

Values only: needs nothing, writes nothing. The texts are redacted before they come here.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import field_validator

from data_contracts.records import Frozen
from model_registry.scorecard import Role


class LostCase(Frozen):
    """A case, the figures that got worse by it, and the two answers, redacted and cut short."""

    eval_set: str
    case_id: str
    figures: tuple[str, ...]
    prompt: str
    was: str
    now: str


class LostCases(Frozen):
    """Every such case of an evaluation, as far as they are listed.

    `lost` counts them by figure (`<eval set>/<name>`), `won` those that went the other way;
    `left_out` are cases that are counted but not listed.
    """

    reference: Role
    lost: dict[str, int]
    won: dict[str, int]
    cases: tuple[LostCase, ...]
    left_out: int = 0

    @field_validator("lost", "won")
    @classmethod
    def _in_one_order(cls, counts: dict[str, int]) -> dict[str, int]:
        """Sort, as canonical JSON does: what is read back then gives the same text."""
        return dict(sorted(counts.items()))


def lost_markdown(found: LostCases) -> str:
    """Return the counts and the cases as Markdown."""
    lines = [
        f"**Right for the {found.reference}, wrong for the candidate**",
        "",
        "| figure | lost | won |",
        "|---|---|---|",
        *[f"| {figure} | {n} | {found.won.get(figure, 0)} |" for figure, n in found.lost.items()],
    ]
    if found.cases:
        lines += ["", f"| case | figures | asked | the {found.reference} | the candidate |"]
        lines += ["|---|---|---|---|---|", *[_row(case) for case in found.cases]]
    if found.left_out:
        lines += ["", f"{found.left_out} more stand in the scorecard by their ids."]
    return "\n".join(lines)


def _row(case: LostCase) -> str:
    cells = [
        f"`{case.eval_set}/{case.case_id}`",
        ", ".join(case.figures),
        *_plain([case.prompt, case.was, case.now]),
    ]
    return "| " + " | ".join(cells) + " |"


def _plain(texts: Sequence[str]) -> list[str]:
    """Return texts that stay within a cell of a table, whatever a model wrote."""
    flat = [" ".join(text.split()) for text in texts]
    return [text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for text in flat]
