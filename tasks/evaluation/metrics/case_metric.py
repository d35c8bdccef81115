"""What the metric modules share: per-case scores beside the means, in memory, without a hub.

A metric gives each case a score for each of its figures, or None where the figure does not apply
to the case. `compute` returns `{"<figure>": mean, ..., "per_case": {"<figure>": [score, ...]}}`;
the mean of nothing is NaN.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from data_contracts.errors import PaddockError

Score = float | None
CITATION = "Paddock, tasks/evaluation/metrics"


class CaseMetric(evaluate.Metric):
    """An `evaluate.Metric` over answers; `references` are the cases' `expect`, as JSON."""

    inputs: dict[str, str] = {"predictions": "string", "references": "string"}  # noqa: RUF012
    figures: tuple[str, ...] = ()

    def __init__(self) -> None:
        # The library makes a folder for its cache even when it keeps everything in memory.
        with tempfile.TemporaryDirectory() as scratch:
            super().__init__(keep_in_memory=True, cache_dir=scratch, experiment_id="paddock")

    def _info(self) -> evaluate.MetricInfo:
        features = {name: datasets.Value(kind) for name, kind in self.inputs.items()}
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation=CITATION,
            inputs_description=f"Inputs: {', '.join(self.inputs)}. Figures: {self.figures}.",
            features=datasets.Features(features),
        )

    def _compute(self, **columns: Any) -> dict[str, Any]:
        extra = {name: value for name, value in columns.items() if name not in self.inputs}
        inputs = [list(columns[name]) for name in self.inputs]
        rows = [self.score(*row, **extra) for row in zip(*inputs, strict=True)]
        per_case = {figure: [row[figure] for row in rows] for figure in self.figures}
        return {
            **{figure: mean(scores) for figure, scores in per_case.items()},
            "per_case": per_case,
        }

    def score(self, *case: Any, **extra: Any) -> dict[str, Score]:
        """Return one case's score for every figure; the arguments are in the order of `inputs`."""
        raise NotImplementedError

    def per_case(self, **inputs: Any) -> dict[str, list[Score]]:
        """Return the per-case scores. The library's own errors quote their input: hidden here."""
        try:
            return self.compute(**inputs)["per_case"]  # pyright: ignore[reportOptionalSubscript]
        except ValueError:
            raise PaddockError(
                f"{type(self).__name__} could not read the answers or what is expected of them",
                step="evaluate",
                remedy="check the eval set's cases; this is a fault of Paddock if they load",
            ) from None


def mean(scores: Sequence[Score]) -> float:
    """Return the mean of the scores there are; NaN if there are none."""
    present = [score for score in scores if score is not None]
    return math.fsum(present) / len(present) if present else math.nan
