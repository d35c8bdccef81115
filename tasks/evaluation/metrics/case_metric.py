"""A metric as a metric of the `evaluate` library: columns in, per-case scores beside the means out.

In memory, without a hub. `compute` returns `{"<figure>": mean, ..., "per_case": {"<figure>":
[score, ...]}}`; the mean of nothing is NaN.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from data_contracts.errors import PaddockError
from tasks.evaluation.metrics.scorer import Answer, Score, Scorer

CITATION = "Paddock, tasks/evaluation/metrics"
COLUMNS = {
    "predictions": "string",  # the answers
    "references": "string",  # what is expected of them, as JSON
    "questions": "string",
    "tokens": "int64",
}


class CaseMetric(evaluate.Metric):
    """A scorer over columns; see COLUMNS."""

    def __init__(self, scorer: Scorer[Any]) -> None:
        self._scorer = scorer
        # The library makes a folder for its cache even when it keeps everything in memory.
        with tempfile.TemporaryDirectory() as scratch:
            super().__init__(keep_in_memory=True, cache_dir=scratch, experiment_id="paddock")

    def _info(self) -> evaluate.MetricInfo:
        names = ", ".join(figure.name for figure in self._scorer.figures)
        return evaluate.MetricInfo(
            description=type(self._scorer).__doc__ or "",
            citation=CITATION,
            inputs_description=f"Inputs: {', '.join(COLUMNS)}. Figures: {names}.",
            features=datasets.Features({k: datasets.Value(v) for k, v in COLUMNS.items()}),
        )

    def _compute(self, *, claim_terms: Sequence[str] = (), **columns: Any) -> dict[str, Any]:
        rows = [
            self._scorer.score(
                Answer(text, question, tokens, tuple(claim_terms)),
                self._scorer.expects.model_validate_json(reference),
            )
            for text, reference, question, tokens in zip(
                *(columns[name] for name in COLUMNS), strict=True
            )
        ]
        per_case = {
            figure.name: [row[figure.name] for row in rows] for figure in self._scorer.figures
        }
        return {**{name: mean(scores) for name, scores in per_case.items()}, "per_case": per_case}

    def per_case(self, **inputs: Any) -> dict[str, list[Score]]:
        """Return the per-case scores. The library's own errors quote their input: hidden here."""
        try:
            return self.compute(**inputs)["per_case"]  # pyright: ignore[reportOptionalSubscript]
        except ValueError:
            raise PaddockError(
                f"the scorer {self._scorer.name} could not read the answers or what is expected of"
                " them",
                step="evaluate",
                remedy="check the eval set's cases; this is a fault of Paddock if they load",
            ) from None


def mean(scores: Sequence[Score]) -> float:
    """Return the mean of the scores there are; NaN if there are none."""
    present = [score for score in scores if score is not None]
    return math.fsum(present) / len(present) if present else math.nan
