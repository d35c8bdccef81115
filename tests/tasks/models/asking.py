"""Prompts of random tokens, and what a model answers to them."""

from __future__ import annotations

import random
from typing import Any

from tasks.models.decoding.decoder import decode
from tasks.models.decoding.starts import LEAST
from tasks.models.prompts import Prompt

ENDS = frozenset({1})


def prompts(count: int, seed: int = 0) -> list[Prompt]:
    rng = random.Random(seed)
    return [
        Prompt(
            "trial",
            f"{number:03}",
            [rng.randrange(2, 300) for _ in range(rng.randrange(1, 60))],
            rng.randrange(1, 15),
        )
        for number in range(count)
    ]


def answers(model: Any, asked: list[Prompt], batch_size: int, **more: Any) -> list[list[int]]:
    decode(model, asked, ENDS, batch_size=batch_size, **more)
    return [one.answer for one in asked]


def alike(count: int, seed: int = 0) -> list[Prompt]:
    """Return prompts of which most begin as others do, at some length."""
    rng = random.Random(seed)
    starts = [[rng.randrange(2, 300) for _ in range(size)] for size in (LEAST, 40, 0)]
    asked = prompts(count, seed)
    for number, prompt in enumerate(asked):
        prompt.ids = starts[number % 3] + prompt.ids
    return asked
