"""Names by genre on public labelled sets, beside the model alone; how sure is sure; what helps.

Part of `make bench-redaction` where `NAME_SETS` names the folder that `names_sets` wrote;
only the held halves are measured, which no weight was fitted to. A label counts as found where a
finding of a kind that it may be touches it; a finding is right where it touches such a label. The
reliability table says of all that was weighed how often it was a name where the weights said so.
For the ablation the weights are fitted anew without one source of evidence (minutes).

    NAME_SETS=FOLDER python -m tests.benchmarks.redaction.names_genres [--no-ablation]
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tasks.redaction.findings import Finding
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, NamesModel, load_names_model
from tasks.redaction.names.weights import KINDS, Weights, scores_of, tables
from tests.benchmarks.redaction import names_fit
from tests.benchmarks.redaction.names_fit import FOLDER, Case, Labelled, Row

Find = Callable[[Sequence[str]], Sequence[Sequence[Finding]]]
Spans = Sequence[tuple[str, int, int]]
BINS = 10
# Sources of evidence, by how the names of their features begin.
SOURCES: dict[str, tuple[str, ...]] = {
    "the model's marks": ("m:", "also:"),
    "word lists": ("w:", "whole:", "first:", "last:", "known:", "short place"),
    "form": ("form:", "s:", "tail:", "ends=", "begins=", "street", "venue", "joined"),
    "words and signs around": ("before=", "before2", "behind=", "behind2", "gap"),
    "rules of context": ("before: ", "behind: ", "companies", "labelled", "titled"),
    "layout": ("layout:", "all there is", "headline", "opening"),
    "meanings of words": (),
}


@dataclass(slots=True)
class Count:
    """Labels, those found, findings and right ones, of one kind in one genre."""

    labels: int = 0
    found: int = 0
    findings: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        """Return the share of labels that were found."""
        return self.found / max(self.labels, 1)

    @property
    def precision(self) -> float:
        """Return the share of findings that were right."""
        return self.right / max(self.findings, 1)

    @property
    def f2(self) -> float:
        """Return the F-score that weighs recall twice."""
        p, r = self.precision, self.recall
        return 5 * p * r / (4 * p + r) if p + r else 0.0


def counted(rows: Sequence[Row], found: Sequence[Spans]) -> dict[str, Count]:
    """Return the counts by kind, of `all`, and of `any kind`: where the kind does not matter."""
    counts: dict[str, Count] = defaultdict(Count)
    for row, own in zip(rows, found, strict=True):
        for start, end, kinds in row["labels"]:
            touching = {kind for kind, low, high in own if low < end and start < high}
            for name in (kinds[0], "all", "any kind") if kinds else ():
                hit = bool(touching) if name == "any kind" else not touching.isdisjoint(kinds)
                counts[name].labels += 1
                counts[name].found += hit
        for kind, start, end in own:
            touched = [kinds for low, high, kinds in row["labels"] if low < end and start < high]
            if touched and not any(touched):
                continue
            right = next((kinds[0] for kinds in touched if kind in kinds), "")
            for name in (right or kind, "all", "any kind"):
                counts[name].findings += 1
                counts[name].right += bool(touched) if name == "any kind" else bool(right)
    return counts


def held(folder: Path) -> dict[str, list[Row]]:
    """Return the held rows of every set by genre."""
    rows = [row for path in sorted(folder.glob("*.held.jsonl")) for row in names_fit.read_set(path)]
    rows.sort(key=lambda row: row["genre"])
    return {genre: list(own) for genre, own in groupby(rows, key=lambda row: row["genre"])}


def report(find: Find, alone: Find, *, ablated: bool = True) -> None:
    """Print the figures by genre and kind, ours and the model's, where the sets are there."""
    folder = os.environ.get(FOLDER, "")
    if not Path(folder).is_dir() or not folder:
        print(f"\nNames by genre: not measured, as {FOLDER} names no folder (see names_sets)")
        return
    print(f"\nNames by genre, held halves{'':18}Paddock F2, P, R      the model alone")
    for genre, rows in held(Path(folder)).items():
        texts = [row["text"] for row in rows]
        ours, theirs = counted(rows, _spans(find(texts))), counted(rows, _spans(alone(texts)))
        words = sum(len(text.split()) for text in texts)
        for kind in (*KINDS, "all", "any kind"):
            one, other = ours[kind], theirs[kind]
            if one.labels:
                print(f"  {genre:24} {kind:13} {one.labels:5}  {_row(one)}   {_row(other)}")
        wrong = [(c["all"].findings - c["all"].right) / words * 10_000 for c in (ours, theirs)]
        print(f"  {genre:24} wrong in 10,000 words: {wrong[0]:.1f}, the model alone {wrong[1]:.1f}")
    model = load_names_model(DEFAULT_NAMES_MODEL)
    sets = [
        Labelled(genre, rows, names_fit.cases_of(rows, model))
        for genre, rows in held(Path(folder)).items()
    ]
    reliability(sets, model)
    if ablated:
        ablation(sets, names_fit.tuning_sets(Path(folder), model), model)


def _spans(found: Sequence[Sequence[Finding]]) -> list[Spans]:
    return [[(f.kind, f.start, f.end) for f in own if f.kind in KINDS] for own in found]


def _row(one: Count) -> str:
    return f"{one.f2:.3f} {one.precision:.3f} {one.recall:.3f}"


def reliability(sets: Sequence[Labelled], model: NamesModel) -> None:
    """Print how often something was a name where the weights gave it a chance, in tenths."""
    read = {name: Weights(table, model.meaning) for name, table in tables().items()}
    sums = [[0, 0.0, 0, 0] for _ in range(BINS)]
    for case in (case for one in sets for case in one.cases if case.kinds is not None):
        scores = scores_of(read[case.table].logits(case.features, case.words))
        own = sums[min(int(scores.any * BINS), BINS - 1)]
        own[0] += 1
        own[1] += scores.any
        own[2] += bool(case.kinds)
        own[3] += scores.kind in (case.kinds or ())
    print("\n  expected   observed   of the likeliest kind   weighed")
    for count, expected, names, right in sums:
        share = max(count, 1)
        print(f"  {expected / share:8.2f} {names / share:10.2f} {right / share:23.2f} {count:9}")


def ablation(sets: Sequence[Labelled], tuning: Sequence[Labelled], model: NamesModel) -> None:
    """Print F2 and precision over all genres with the weights fitted without one source."""
    print("\n  fitted without            F2   precision  recall")
    for source, starts in {"(nothing left out)": (), **SOURCES}.items():
        meaning = None if source == "meanings of words" else model.meaning
        kept = [
            Labelled(one.name, one.rows, [_without(case, starts) for case in one.cases])
            for one in tuning
        ]
        read = {
            name: Weights(names_fit.fitted(kept, name, meaning), meaning)
            for name in names_fit.ENOUGH
        }
        count = Count()
        for one in sets:
            own = counted(one.rows, _taken(one, read))["all"]
            for part in ("labels", "found", "findings", "right"):
                setattr(count, part, getattr(count, part) + getattr(own, part))
        print(
            f"  {source:24} {count.f2:.3f}  {count.precision:.3f}     {count.recall:.3f}",
            flush=True,
        )


def _without(case: Case, starts: tuple[str, ...]) -> Case:
    return (
        case._replace(features=[n for n in case.features if not n.startswith(starts)])
        if starts
        else case
    )


def _taken(one: Labelled, read: dict[str, Weights]) -> list[Any]:
    found: list[list[tuple[str, int, int]]] = [[] for _ in one.rows]
    for case in one.cases:
        weights = read[case.table]
        scores = scores_of(weights.logits(case.features, case.words))
        if weights.takes(scores):
            found[case.text].append((scores.kind, case.start, case.end))
    return found


def main() -> None:
    """Measure the whole redactor."""
    from tasks.redaction.engine import build_redactor
    from tests.benchmarks.bench_redaction import finder, model_alone

    report(finder(build_redactor()), model_alone, ablated="--no-ablation" not in sys.argv)


if __name__ == "__main__":
    main()
