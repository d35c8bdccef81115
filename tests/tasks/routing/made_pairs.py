"""Requests whose answers depend on what they are about, as a router should find out."""

from __future__ import annotations

import random

from tasks.routing.pairs import Pair

EASY = ("What is the capital of {}?", "Say hello in the language of {}.", "Where is {}?")
HARD = ("Prove that the sum of {} and the square of it is even.", "Integrate x to the power {}.")


def made_pairs(count: int, *, twins: int = 1) -> list[Pair]:
    """Return pairs: the small model is right where no mathematics is asked, the large one always.

    Length says nothing: the short and the long of both kinds are as many. With `twins`, so many in
    a row are one fact in other words.
    """
    found: list[Pair] = []
    draw = random.Random(3)
    for number in range(count):
        easy = draw.random() < 0.6
        what = draw.choice(EASY if easy else HARD).format(f"{draw.choice('ABCDEFGH')}{number}")
        padding = "please, and thank you very much " * draw.randint(0, 3)
        right = draw.random()
        found.append(
            Pair(
                id=f"case-{number}",
                asked="easy" if easy else "hard",
                group=f"fact-{number // twins}",
                question=f"{padding}{what}",
                turns=1,
                small=float(easy and right < 0.97),
                large=float(right < 0.97),
                small_tokens=20,
                large_tokens=20,
            )
        )
    return found
