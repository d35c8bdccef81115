"""What a reader of a scorecard must know beside its figures: what was left out, cut or unclear.

Needs the folders of each model's answers and likelihoods. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from model_registry.scorecard import Role
from tasks.evaluation.tables import read_json, read_rows


def notes(answers: Mapping[Role, Path], likelihoods: Mapping[Role, Path]) -> tuple[str, ...]:
    """Return a sentence for each thing that a model's figures do not tell."""
    found = [f"{role}: {note}" for role, folder in answers.items() for note in _answering(folder)]
    found += [f"{role}: {note}" for role, folder in likelihoods.items() for note in _likely(folder)]
    return tuple(found)


def _answering(folder: Path) -> Iterator[str]:
    if read_json(folder / "answers.json").get("turn_ends") == []:
        yield (
            "no token closes an assistant's turn in its chat template, so only the end-of-text"
            " token of its files ends an answer"
        )
    rows = read_rows(folder / "answers.parquet")
    if any(row.get("log_probability") is None for row in rows):
        yield "who answered tells no log-probabilities, so its confidence is not known"
    cut = sum(bool(row["truncated"]) for row in rows)
    if cut:
        yield f"{cut} of {len(rows)} answers came to no end within their case's limit"


def _likely(folder: Path) -> Iterator[str]:
    told = folder / "likelihood.json"
    if told.is_file():  # not in figures of an older form
        counts = read_json(told)
        for reason, count in counts["left_out"].items():
            yield f"{count} of {counts['chosen']} held-out records are not scored: {reason}"
