"""How long one user waits for a model's answer on this machine, each case asked alone.

Needs a respondent and its prompts. Writes latency.json into an output's `about/`: it is true of the
machine and of this making, so it is no part of the answers' digest. The time to the first token is
that of the same question with one token allowed; a whole answer's is that of asking it again, with
its case's limit. A first pair, which is not counted, warms up. Nothing is read twice for two
prompts, nothing else is asked meanwhile by us, and loading the model is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen
from model_registry.power.shares import TAIL
from model_registry.scorecard import Estimate, MetricResult, Role, Unit
from tasks.evaluation.tables import read_json, write_json
from tasks.models.prompts import Prompt
from tasks.models.respondents import Respondent

FILE = "latency.json"
SECONDS = Unit(name="seconds", low=0.0, digits=3, mark=" s")
FIGURES = ("first_token", "answer")


class Latency(Frozen):
    """Seconds to the first token and of a whole answer, and its tokens, by case asked.

    `device` and `dtype` are empty, and `threads` None, where a server answered.
    """

    first_token: tuple[float, ...]
    answer: tuple[float, ...]
    tokens: tuple[int, ...]
    engine: str
    device: str = ""
    dtype: str = ""
    threads: int | None = None

    @property
    def tokens_per_second(self) -> float:
        """Return the tokens that were made by the seconds of the answers, prompts read in them."""
        return sum(self.tokens) / sum(self.answer)

    def words(self) -> str:
        """Return it as people say it."""
        first, whole = (
            f"{quantile(times, 0.5):.2f} s (95%: {quantile(times, 0.95):.2f})"
            for times in (self.first_token, self.answer)
        )
        where = [self.device, self.dtype, f"{self.threads} threads"] if self.device else []
        return (
            f"{first} to the first token, {whole} an answer, {self.tokens_per_second:.0f} tokens/s;"
            f" {len(self.answer)} cases alone; {', '.join([*where, self.engine])}"
        )


def measure(asked: Respondent, prompts: Sequence[Prompt], cases: int, out: Path) -> None:
    """Ask so many of the prompts alone, spread over their eval sets, and write what it took."""
    import torch

    chosen = list(spread(prompts, cases))
    both = [
        replace(one, budget=budget, answer=[])
        for one in (*chosen[:1], *chosen)
        for budget in (1, one.budget)
    ]
    seconds, engine = asked.seconds_alone(both)
    here = "device" in asked.made_by
    found = Latency(
        first_token=tuple(seconds[2::2]),
        answer=tuple(seconds[3::2]),
        tokens=tuple(one.terms for one in both[3::2]),
        engine=engine,
        device=asked.made_by["device"] if here else "",
        dtype=asked.made_by["dtype"] if here else "",
        threads=torch.get_num_threads() if here else None,
    )
    write_json(out / FILE, found.model_dump(mode="json"))


def read_latency(file: Path) -> Latency | None:
    """Return what was measured when answers were made; None where nothing was."""
    return Latency.model_validate(read_json(file)) if file.is_file() else None


def spread(prompts: Sequence[Prompt], cases: int) -> Iterator[Prompt]:
    """Yield at most so many prompts: as many of each eval set, from its beginning to its end."""
    sets: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        sets.setdefault(prompt.eval_set, []).append(prompt)
    for place, own in enumerate(sets.values()):
        wanted = min(len(own), cases // len(sets) + (place < cases % len(sets)))
        for number in range(wanted):
            yield own[(2 * number + 1) * len(own) // (2 * wanted)]


def latency_metrics(measured: Mapping[Role, Latency]) -> dict[str, MetricResult]:
    """Return the medians as figures that gates may name, `latency/answer` and so on."""
    found: dict[str, MetricResult] = {}
    for figure in FIGURES if measured else ():
        key = f"latency/{figure}"
        scores: dict[Role, Estimate] = {
            role: median(getattr(one, figure)) for role, one in measured.items()
        }
        found[key] = MetricResult(key=key, unit=SECONDS, higher_is_better=False, scores=scores)
    return found


def wait_lines(measured: Mapping[Role, Latency]) -> tuple[str, ...]:
    """Return a line for each model that was measured."""
    return tuple(f"{role}: {one.words()}" for role, one in measured.items())


def median(times: Sequence[float]) -> Estimate:
    """Return the median with the interval of order statistics, which takes no form for granted.

    Hahn and Meeker (1991), "Statistical Intervals", section 5.2. Of fewer than six there is none.
    """
    from scipy.stats import binom

    n, ordered = len(times), sorted(times)
    outside = sum(1 for k in range(n // 2) if binom.cdf(k, n, 0.5) <= TAIL)
    ends: Any = (ordered[outside - 1], ordered[-outside]) if outside else (None, None)
    return Estimate(value=quantile(times, 0.5) if n else None, low=ends[0], high=ends[1], n=n)


def quantile(times: Sequence[float], share: float) -> float:
    """Return the least time within which so many answers came: of few, the slowest."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]
