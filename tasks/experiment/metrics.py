"""What an experiment may compare: one value a metric of a row of the inference log.

Needs nothing; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from data_contracts.inference_log import LogRow

STEP = "experiment"
Metric = Literal[
    "rated", "success", "truncated", "hallucinated", "refused", "tokens", "latency", "cost"
]


@dataclass(frozen=True)
class Compared:
    """How a metric is compared.

    A share is compared by the difference B - A. A mean is compared by its ratio, on the scale of
    its natural logarithm: the same two versions the other way round give the same test.
    `better` is which way is good; None where neither is. `effect` is the least difference that
    matters, if nobody says another: 0.02 is two points of a share, 0.1 is 10 % of a mean.
    """

    text: str
    share: bool
    better: Literal["higher", "lower"] | None
    effect: float
    unit: str = ""


METRICS: dict[Metric, Compared] = {
    "rated": Compared("rated well, of those that were rated", True, "higher", 0.02),
    "success": Compared("answered without an error", True, "higher", 0.01),
    "truncated": Compared("cut at its length", True, "lower", 0.02),
    "hallucinated": Compared("not true, of judged answers", True, "lower", 0.02),
    "refused": Compared("refused, of judged answers", True, "lower", 0.02),
    "tokens": Compared("tokens of an answer", False, None, 0.1),
    "latency": Compared("seconds of a whole answer", False, "lower", 0.1, " s"),
    "cost": Compared("cost of a request", False, "lower", 0.1),
}


def values_of(row: LogRow, judged: Mapping[str, int]) -> dict[Metric, float]:
    """Return the row's value of each metric that it has one of.

    `judged` is what the log's writer found of the answer (`judged`, `refused`, `hallucinated`).
    Feedback is part of `rated` only where the row has it already; most comes later.
    """
    good = bool(row.answer.strip()) and row.finish_reason != "error"
    found: dict[Metric, float] = {"success": float(good)}
    if row.cost is not None:
        found["cost"] = row.cost
    if row.feedback is not None and row.feedback.good is not None:
        found["rated"] = float(row.feedback.good)
    if not good:
        return found
    found["truncated"] = float(bool(row.truncated) or row.finish_reason == "length")
    if row.answer_tokens is not None:
        found["tokens"] = float(row.answer_tokens)
    if row.seconds is not None:
        found["latency"] = row.seconds
    if judged.get("judged"):
        found["refused"] = float(judged.get("refused", 0))
        if "hallucinated" in judged:
            found["hallucinated"] = float(judged["hallucinated"])
    return found
