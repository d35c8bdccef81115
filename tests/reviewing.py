"""Sampled answers, and the Review tab in which people rate them, for the tests of several rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.human_review.sample import SampledAnswer, read_sample


def sampled(number: int = 0, **changed: Any) -> SampledAnswer:
    """Return an answer of a candidate that stands for itself alone."""
    given: dict[str, Any] = {
        "item": f"{number:064x}",
        "eval_set": "facts",
        "case_id": f"case-{number}",
        "system": "",
        "prompt": f"What costs the rope {number}?",
        "known": "It costs 89 euros.",
        "answer": "89 euros ![x](http://elsewhere.example/p.png)",
        "models": ("candidate",),
        "weight": 1.0,
        "random": True,
        "twice": False,
        "scores": {"accuracy": 1.0, "abstention": None},
        "disagrees": True,
    }
    return SampledAnswer(**{**given, **changed})


def sample_in(home: Path) -> tuple[SampledAnswer, ...]:
    """Return the one sample that lies in the store of a home."""
    (folder,) = (path.parent for path in (home / "store/sample").glob("*/manifest.json"))
    return read_sample(folder)


def press(page: Any, component: str) -> None:
    """Press what bears this name in the Review tab."""
    page.locator(f'[data-component-id="mlflow.experiment-review-queue.{component}"]').click()


def fill_in(page: Any, *choices: str, helpful: int) -> None:
    """Answer what an answer is rated by, without submitting it."""
    for choice in choices:
        page.get_by_text(choice, exact=True).click()
    page.locator("input[type=number]").fill(str(helpful))
