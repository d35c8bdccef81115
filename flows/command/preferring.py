"""`paddock preferences`: what reviewers corrected, written as rows for the next DPO run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from flows.asking.release_parameters import PreferencesParameters
from flows.champion import find_champion
from flows.workshop.parts import Workshop
from tasks.human_review.preferences import write_preferences
from tasks.human_review.rating import corrections
from tasks.human_review.verdicts import sampled_answers


def write(workshop: Workshop, parameters: PreferencesParameters) -> str:
    """Write the file and say what is in it, and what is not."""

    @cache
    def redactor() -> Any:
        return workshop.redactor_of(find_champion(workshop, parameters.name, "review").snapshot)()

    def redact(text: str) -> str:
        return redactor().redact_text(text)

    found = corrections(workshop.registry, parameters.name, sampled_answers(workshop.outputs))
    written = write_preferences(found, Path(parameters.out), redact)
    lines = [f"{written.rows} corrected answers written to {parameters.out}."]
    lines += [f"  left out: {n} {why}" for why, n in sorted(written.left_out.items())]
    if written.rows:
        lines.append(
            f"To train on them: paddock run --name {parameters.name} --source {parameters.out} "
            "--kind preference --objective dpo"
        )
    return "\n".join(lines)
