"""How often usual windows look badly served, and how much of what is worse is found.

Waits are log-normal and swing with the hour and with load, which goes on from hour to hour; a
tenth of the requests is rated. A day of windows is what is usual, later ones are judged.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from data_contracts.inference_log import LogRow
from tasks.drift.service.measured import Measured, Measuring
from tasks.drift.service.signals import judge
from tasks.drift.thresholds import Thresholds
from tests.benchmarks.limits import Limits

SWINGS = (0.1, 0.3)  # of the waits, over a day
SIZES = (60, 200, 1000)
WEEKS, LATER = 12, 15  # times that a day is drawn, and windows judged with each
ROW = {"id": "r", "time": datetime(2026, 3, 1, tzinfo=UTC), "model": "m", "prompt": "p"}


def served(limits: Limits) -> None:
    """Draw windows, print what was found, and note false alarms and doubled waits."""
    import numpy as np

    alarms = Thresholds().service_alarms  # pyright: ignore[reportCallIssue]
    print("\nhow windows were served: false alarms; waits 1.5 and 2 times; failures .1 to 2 %")
    every = 0
    for swing in SWINGS:
        for size in SIZES:
            rng = np.random.default_rng(size)
            found, drawn = Counter[str](), 0
            for _ in range(WEEKS):
                load, usual = 0.0, dict[str, Measured]()
                for hour in range(24):
                    load = 0.7 * load + rng.normal(0, 0.05)
                    usual[str(hour)] = _window(rng, size, hour, swing, load)
                for _ in range(LATER):
                    load = 0.7 * load + rng.normal(0, 0.05)
                    hour = int(rng.integers(24))
                    drawn += 1
                    for kind, slower, failed in KINDS:
                        window = _window(rng, size, hour, swing, load, slower, failed)
                        signals = judge(window, usual, alarms)
                        found[kind] += any(signal.drifted for signal in signals)
            every += found["usual"]
            told = "  ".join(f"{kind} {found[kind] / drawn:6.1%}" for kind, *_ in KINDS)
            print(f"  waits swing by {swing:.0%}, {size:5} rows: {told}", flush=True)
            if swing == SWINGS[0] and size >= 200:
                limits.at_least(f"{size} rows, waits doubled, found", found["twice"] / drawn, 0.95)
    share = every / (len(SWINGS) * len(SIZES) * WEEKS * LATER)
    limits.at_most("usual windows called badly served", share, alarms)


KINDS = (
    ("usual", 1.0, 0.001),
    ("half more", 1.5, 0.001),
    ("twice", 2.0, 0.001),
    ("failing", 1.0, 0.02),
)


def _window(
    rng: Any,
    rows: int,
    hour: int,
    swing: float,
    load: float,
    slower: float = 1,
    failed: float = 1e-3,
) -> Measured:
    import numpy as np

    busy = slower * np.exp(load) * (1 + swing * np.sin(hour / 24 * 2 * np.pi))
    measuring = Measuring()
    broken = rng.random(rows) < failed
    for wait, bad in zip(rng.lognormal(0, 0.8, rows) * busy, broken, strict=True):
        row = LogRow.model_construct(
            **ROW,  # pyright: ignore[reportArgumentType]
            answer="a",
            finish_reason="error" if bad else "stop",
            seconds=float(wait),
            first_token_seconds=float(wait) / 10,
            cost=0.001,
        )
        measuring.add(row)
        if rng.random() < 0.1:
            measuring.rate(float(rng.random() < 0.85))
    return measuring.measured()
