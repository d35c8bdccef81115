"""What is trained in a measurement: documents, pairs of answers, or documents with a teacher."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.finetuning.objectives.objective import Objective, Preparing
from tasks.finetuning.objectives.preference import Pair
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example
from tasks.models.attention.packed import use_varlen
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths


def pairs(tokens: int, longest: int, mean: float, vocabulary: int) -> list[Pair]:
    """Return pairs of so many tokens in all: half of each document's mean is the shared prompt.

    Prompts and both answers have lengths of their own, log-normal, each cut at `longest` / 2.
    """
    half = longest // 2
    prompts = iter(lengths(tokens, half, mean / 2, seed=3))
    answers = iter(lengths(2 * tokens, half, mean / 2, seed=5))
    rng, made, total = random.Random(4), list[Pair](), 0
    words = range(3, vocabulary)
    while total < tokens:
        prompt = rng.choices(words, k=next(prompts))
        one, other = (_answered(str(len(made)), prompt, next(answers), words, rng) for _ in "ab")
        made.append(Pair(one, other))
        total += made[-1].length
    return made


def _answered(name: str, prompt: list[int], size: int, words: range, rng: Any) -> Example:
    answer = rng.choices(words, k=size)
    return Example.of(name, prompt + answer, [False] * len(prompt) + [True] * size)


def make(
    recipe: Recipe, shape: str, tokens: int, longest: int, mean: float, device: Any, teacher: str
) -> Objective:
    """Return the recipe's objective over so many tokens of what it takes."""
    import torch

    vocabulary = SHAPES[shape]["vocab_size"]
    if recipe.objective == "dpo":
        return recipe.learned.over(pairs(tokens, longest, mean, vocabulary), recipe)
    examples = documents(lengths(tokens, longest, mean), vocabulary)
    if recipe.objective == "supervised":
        return Supervised(examples)
    teaches = build(teacher, device, torch.bfloat16).eval().requires_grad_(False)
    use_varlen(teaches)
    return recipe.learned.over(examples, recipe, teaches)


class Prepared:
    """Lets an objective prepare, as the flow does, and knows how long that took."""

    def __init__(self, objective: Objective, recipe: Recipe, device: Any) -> None:
        self.objective, self.recipe, self.device = objective, recipe, device
        self.seconds = 0.0

    def __call__(self, causal: Any) -> None:
        """Prepare: for DPO the starting weights are asked for both answers of each pair."""
        wait = _waiting(self.device)
        wait()
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            where = Preparing(Path(folder) / "references", self.device)
            self.objective.prepare(causal, self.recipe.row_length, where)
        wait()
        self.seconds = time.perf_counter() - began

    def all_in(self, tokens_per_second: float) -> float:
        """Return the tokens a second of one epoch, what was prepared for it included."""
        asked = self.seconds / sum(self.objective.lengths)
        return 1 / (1 / tokens_per_second + asked)


def _waiting(device: Any) -> Callable[[], None]:
    import torch

    return torch.cuda.synchronize if device.type == "cuda" else lambda: None
