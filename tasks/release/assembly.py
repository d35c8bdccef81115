"""Lays out what a candidate's version holds: weights, tokenizer, model card and references.

Needs the trained model's folder, the snapshot's report and the scorecard. Writes a folder whose
bytes follow from those alone, so that the same training gives the same candidate digest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen
from data_contracts.snapshot.reading import SnapshotReport
from model_registry.part_files import Part
from model_registry.scorecard import Role, Scorecard


class Evidence(Frozen):
    """What a model card quotes. `references` name every ancestor by digest."""

    name: str
    base: str
    training: dict[str, Any]
    snapshot: SnapshotReport
    scorecard: Scorecard
    references: dict[str, str]


def assemble(model: Path, evidence: Evidence, out: Path) -> None:
    """Fill `out` with model/, adapter/ (if there is one), MODEL_CARD.md and references.json."""
    for part in ("model", "adapter"):
        if (model / part).is_dir():
            shutil.copytree(model / part, out / part, copy_function=_link_or_copy)
    (out / "MODEL_CARD.md").write_text(model_card(evidence), encoding="utf-8")
    (out / "references.json").write_text(
        json.dumps(evidence.references, indent=1, sort_keys=True) + "\n"
    )


def assemble_part(
    part: Part, made: Path, card: str, references: Mapping[str, str], out: Path
) -> None:
    """Fill `out` with the part's folder, MODEL_CARD.md and references.json.

    `made` is a stage's output.
    """
    shutil.copytree(
        made,
        out / part.folder,
        copy_function=_link_or_copy,
        ignore=shutil.ignore_patterns(".*", "manifest.json", "about"),
    )
    (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    text = json.dumps(dict(references), indent=1, sort_keys=True)
    (out / "references.json").write_text(text + "\n")


def _surrogates(report: SnapshotReport) -> str:
    """Say for how much of it no placeholder stands, but another value."""
    if not report.surrogates:
        return ""
    counts = ", ".join(f"{kind} {count}" for kind, count in report.surrogates.items())
    return f" For these of them another value of the same shape stands (surrogates): {counts}."


def model_card(evidence: Evidence) -> str:
    """Return the model card: what it is, what it learned from, how it did, what it is not for."""
    recipe, report = evidence.training["recipe"], evidence.snapshot
    redacted = ", ".join(f"{kind} {n}" for kind, n in sorted(report.redacted.items())) or "none"
    lines = [
        f"# {evidence.name}",
        "",
        f"Fine-tuned from {evidence.base} ({recipe['method']}), with Paddock.",
        "",
        "## Intended use",
        "Answering the kind of request its training data holds. It was not examined for other "
        "uses; what it says should be checked where a mistake costs something.",
        "",
        "## Training data",
        f"{report.kept} records of kind {report.kind} ({report.splits.get('train', 0)} to train "
        f"on), kept of {report.rows_in} rows; {report.quarantined_rows} quarantined, "
        f"{report.duplicates} duplicates, {report.near_duplicates} near-duplicates and "
        f"{report.contaminated} evaluation leaks dropped, {report.dropped_by_policy} rows dropped "
        f"by policy, {report.forgotten} forgotten. "
        f"Personal data replaced by placeholders: {redacted}.{_surrogates(report)}",
        *_left_out(report),
        "",
        "## Training",
        f"{evidence.training['steps']} steps, {evidence.training['tokens']} tokens; loss "
        f"{evidence.training['first_loss']:.3f} to {evidence.training['final_loss']:.3f}.",
        "",
        *[f"- {note}" for note in evidence.training.get("notes", ())],
        *([""] if evidence.training.get("notes") else []),
        "```json",
        json.dumps(recipe, indent=1, sort_keys=True),
        "```",
        "",
        "## Evaluation (95% intervals)",
        "| metric | base | this model |",
        "|---|---|---|",
    ]
    shown: tuple[Role, ...] = ("base", "candidate")
    for key, metric in sorted(evidence.scorecard.metrics.items()):
        given = [metric.scores.get(role) for role in shown]
        cells = [one.shown(metric.unit) if one else "missing" for one in given]
        lines.append(f"| {key} | {cells[0]} | {cells[1]} |")
    if evidence.scorecard.notes:
        lines += ["", *[f"- {note}" for note in evidence.scorecard.notes]]
    return "\n".join([*lines, ""])


def origin(evidence: Evidence) -> dict[str, str]:
    """Return the tags that tell people what a candidate was made from: base, data and method."""
    training, report = evidence.training, evidence.snapshot
    recipe = training["recipe"]
    return {
        "base": evidence.base,
        "data": f"{report.kept} of {report.rows_in} rows ({report.splits.get('train', 0)} to train "
        f"on), kind {report.kind}",
        "method": f"{recipe['method']}, {training['steps']} steps, loss "
        f"{training['first_loss']:.3f} to {training['final_loss']:.3f}",
    }


def _left_out(report: SnapshotReport) -> list[str]:
    """Say what is wrong with the rows, which answers were not learned, and what was not read."""
    lines = [f"{report.phrases.warning}."] if report.phrases.suspects else []
    if report.context_only:
        lines.append(f"{report.context_only} answers are marked as context only: not learned.")
    if report.unread:
        names = ", ".join(f"{name} ({count} rows)" for name, count in report.unread.items())
        lines.append(f"Not read, though it held something: {names}.")
    return lines


def _link_or_copy(source: str, target: str) -> None:
    """Link where the file system can: the weights are large, and nobody writes to either name."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
