"""What a model keeps by heart: how exposed the secrets are that were planted in its training.

Needs a model folder and the canaries (tasks/models/canaries.py). Writes exposure.parquet (name,
control, rank, exposure) and exposure.json. Exposure after Carlini et al. (2019, arXiv:1802.08232):
the bits by which the true secret stands out of others of its form, log2(N) - log2(rank) among N
secrets by their likelihood. A secret that was not kept has each rank alike: 1.4 bits on average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_contracts.errors import PaddockError
from model_registry.scorecard import MetricResult, Role, Unit
from tasks.evaluation.intervals import mean_estimate
from tasks.evaluation.likelihood import TOKENS_AT_ONCE, Scored, encode, negative_log_likelihoods
from tasks.evaluation.tables import read_rows, write_json, write_rows
from tasks.models.canaries import Canary
from tasks.models.loading import Precision, load_model
from tasks.models.prompts import Progress

OTHERS = 255  # secrets that the true one is compared with
MOST_BITS = math.log2(OTHERS + 1)
FOUND_BITS = MOST_BITS - 2  # of the control: among the four likeliest of 256
KEY = "memorisation/exposure"
BITS = Unit(name="bits", low=0.0, high=MOST_BITS, digits=2)
TABLE, ABOUT = "exposure.parquet", "exposure.json"
_LIMIT = 256  # tokens of a canary


def measure_exposure(
    model_folder: Path,
    planted: Sequence[Canary],
    out: Path,
    *,
    device: str,
    dtype: Precision,
    progress: Progress,
) -> dict[str, int]:
    """Write each canary's exposure in a model, and return the counts."""
    from tasks.models.attention.packed import use_varlen

    model, tokenizer = load_model(model_folder, device=device, dtype=dtype)
    use_varlen(model)
    rows: list[dict[str, Any]] = []
    for canary in planted:
        own, *others = _likelihoods(model, tokenizer, canary)
        rank = 1 + sum(other < own for other in others)
        exposure = math.log2(len(others) + 1) - math.log2(rank)
        rows.append(
            {"name": canary.name, "control": canary.is_control, "rank": rank, "exposure": exposure}
        )
        progress(len(rows), len(planted))
    write_rows(out / TABLE, rows)
    write_json(out / ABOUT, {"others": OTHERS, "device": device, "dtype": dtype})
    return {"canaries": len(rows)}


def exposure_metric(folders: Mapping[Role, Path], seed: int) -> MetricResult:
    """Return the mean exposure of what was planted once, a model each, in bits.

    Withheld from gates where the candidate's control was not found: then the test is not able to
    see what a model keeps by heart, and a low figure says nothing.
    """
    scores: dict[Role, Any] = {}
    withheld = ""
    for role, folder in folders.items():
        rows = read_rows(folder / TABLE)
        once = [row["exposure"] for row in rows if not row["control"]]
        scores[role] = mean_estimate(once, seed=seed, key=KEY, bounds=BITS.bounds)
        controls = [row["exposure"] for row in rows if row["control"]]
        if role == "candidate" and not (controls and min(controls) >= FOUND_BITS):
            found = f"{min(controls):.1f} bits" if controls else "none"
            withheld = (
                f"the planted control was not found ({found}; {FOUND_BITS:.0f} are asked for), so "
                "this test cannot see what the model keeps by heart"
            )
    return MetricResult(
        key=KEY, unit=BITS, higher_is_better=False, scores=scores, withheld=withheld
    )


def _likelihoods(model: Any, tokenizer: Any, canary: Canary) -> list[float]:
    """Return the negative log-likelihoods of the true answer and of the others, in that order."""
    answers = [canary.answer, *canary.others(OTHERS)]
    scored: list[Scored] = []
    for number, answer in enumerate(answers):
        one = encode(f"{canary.name}-{number}", canary.record(answer), tokenizer, _LIMIT)
        if one is None:
            raise PaddockError(
                "a canary has no answer that could be scored",
                step="evaluate",
                where=canary.name,
                remedy="this is a fault of Paddock, or of a chat template that cuts answers",
            )
        scored.append(one)
    each = max(1, TOKENS_AT_ONCE // max(len(one.ids) for one in scored))
    parts = [scored[start : start + each] for start in range(0, len(scored), each)]
    return [nll for part in parts for nll in negative_log_likelihoods(model, part)]
