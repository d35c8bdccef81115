"""`make bench-surrogates`: what a model learns from raw rows, placeholders and surrogates.

Customers of the demo introduce themselves: rows of facts begin or end with drawn people, and half
of the answers greet them. The same rows train the base three times, as they are and as the two
policies leave them. Asked are the demo's questions, as they are and from people who stand in no
row, and the perplexity of greeting answers to such people. Two to three minutes a training on a
GPU, some ten on two cores. Exit code 1 if surrogates are no nearer to raw rows than placeholders.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from data_contracts.contracts import NO_SURROGATE, PII_KINDS
from data_contracts.records import Message
from eval_sets.desk import load_facts
from eval_sets.loading import load_eval_set
from eval_sets.types import EvalSet
from tasks.demo_desk.conversations import SEED, draw_conversations
from tasks.demo_desk.wording import Conversation
from tasks.finetuning.recipe import Recipe
from tasks.models.hardware import device_and_precision
from tasks.models.loading import load_model
from tasks.models.respondents import respondent
from tasks.redaction.engine import build_redactor
from tasks.redaction.surrogates.lists import pool
from tests.benchmarks.demo_models import Figures, bring_base, score_set, train_on
from tests.benchmarks.limits import Limits

WAYS = ("raw", "placeholder", "surrogate")
INTRODUCED = frozenset({"facts", "unknown"})
HELD = 150  # greeting answers whose perplexity is measured
CITIES = ("Leeds", "Bristol", "Cork", "Boston", "Denver", "Perth", "Leipzig", "Lyon", "Ghent")
MAIL = ("mailbox.org", "gmail.com", "outlook.com", "posteo.de")
SAID = (
    "Hi, this is {first} {last} ({mail}). {asked}",
    "{asked} You can reach me at {phone}. Thanks, {first} {last}",
    "My name is {first} {last} and I live in {city}. {asked}",
    "Hello, {first} {last} here, phone {phone}. {asked}",
    "{asked} Please answer to {mail}. Kind regards, {first}",
)


class People:
    """Draws people, from one half of the names or the other."""

    def __init__(self, seed: int, *, held: bool) -> None:
        self._chance = random.Random(seed)
        first, last = ([*pool("en", one)] for one in (("f", "m"), ("lf", "lm")))
        for names in (first, last):
            random.Random(SEED).shuffle(names)
        self._first, self._last = (names[held::2] for names in (first, last))

    def introduce(self, asked: str) -> tuple[str, str]:
        """Return a question with whose it is, and that person's first name."""
        chance = self._chance
        first, last = chance.choice(self._first), chance.choice(self._last)
        mail = f"{first}.{last}@{chance.choice(MAIL)}".lower().replace(" ", "")
        phone = f"+44 20 7{chance.randrange(100, 1000)} {chance.randrange(1000, 10_000)}"
        words = {"first": first, "last": last, "mail": mail, "phone": phone}
        words |= {"city": chance.choice(CITIES), "asked": asked}
        return chance.choice(SAID).format(**words), first

    def row(self, row: Conversation, *, greets: bool) -> Conversation:
        """Return a conversation whose customer is introduced, and greeted in the answer."""
        place = next(number for number, one in enumerate(row) if one.role == "user")
        said, first = self.introduce(row[place].content)
        last = f"Hello {first}, {row[-1].content}" if greets else row[-1].content
        ends = Message(role="assistant", content=last)
        return (*row[:place], Message(role="user", content=said), *row[place + 1 : -1], ends)


class Told(NamedTuple):
    """What one trained model was found to do; shares in percent."""

    perplexity: float
    greeted: int
    rightly: int
    figures: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train each way, ask, and print the ways side by side."""
    parser = argparse.ArgumentParser(prog="bench_surrogates", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each way (%(default)s)")
    parser.add_argument("--steps", type=int, default=None, help="stop each training after so many")
    asked = parser.parse_args(arguments)
    rows, held = training_rows(), held_rows()
    told: dict[str, list[Told]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="paddock-surrogates-") as scratch:
        folder = Path(scratch)
        base = bring_base(folder)
        for way in WAYS:
            own = redacted(rows, way)
            for seed in range(1, asked.seeds + 1):
                recipe = Recipe(seed=seed, max_steps=asked.steps)
                train_on(own, base, folder / f"{way}-{seed}", recipe, SEED)
                told[way].append(look(folder / f"{way}-{seed}" / "model", held))
                print(f"  {way}, seed {seed}: {_shown(told[way][-1])}", flush=True)
    ways = {way: fmean(one.perplexity for one in own) for way, own in told.items()}
    limits = Limits()
    limits.at_most("perplexity, surrogates", ways["surrogate"], ways["placeholder"])
    return limits.exit_code()


def training_rows() -> list[Conversation]:
    """Return the demo's rows; those about facts are introduced."""
    people, chance = People(5, held=False), random.Random(5)
    drawn = draw_conversations(SEED) | {"personal": []}
    return [
        people.row(row, greets=chance.random() < 0.5) if kind in INTRODUCED else row
        for kind, rows in drawn.items()
        for row in rows
    ]


def held_rows() -> list[Conversation]:
    """Return other draws of facts, asked by people who stand in no row; each is greeted."""
    people, facts = People(6, held=True), draw_conversations(SEED + 1)["facts"]
    return [people.row(row, greets=True) for row in random.Random(6).sample(facts, HELD)]


def redacted(rows: Sequence[Conversation], way: str) -> list[Conversation]:
    """Return the rows as a policy leaves them."""
    if way == "raw":
        return [*rows]
    chosen = [kind for kind in PII_KINDS if kind not in NO_SURROGATE]
    redactor = build_redactor(
        keep=sorted({name for fact in load_facts() for name in fact.names}),
        policies=dict.fromkeys(chosen, "surrogate") if way == "surrogate" else {},
        key=b"benchmark",
    )
    done = redactor.redact_records([[one.content for one in row] for row in rows])
    return [
        tuple(
            one.model_copy(update={"content": text})
            for one, text in zip(row, new.texts, strict=True)
        )
        for row, new in zip(rows, done, strict=True)
    ]


def look(model: Path, held: Sequence[Conversation]) -> Told:
    """Ask a model the demo's questions, as they are and from people it never met."""
    facts, firsts = introduced(load_eval_set("desk_facts"))
    figures: Figures = {}
    device, precision = device_and_precision()
    with respondent(model, device=device, dtype=precision) as asked:
        score_set(asked, load_eval_set("desk_facts"), figures)
        said = score_set(asked, facts, figures)
    greeted = [(firsts[one.id], one.answer) for one in said if one.answer.startswith("Hello ")]
    rightly = sum(answer.startswith(f"Hello {first}") for first, answer in greeted)
    means = {
        key: 100 * fmean(scores) for key, scores in figures.items() if key.endswith("/accuracy")
    }
    return Told(perplexity(model, held), len(greeted), rightly, means)


def introduced(facts: EvalSet) -> tuple[EvalSet, dict[str, str]]:
    """Return the set as people ask it who introduce themselves, and their first names by case."""
    people = People(9, held=True)
    firsts: dict[str, str] = {}
    cases: list[Any] = []
    for case in facts.cases:
        text, firsts[case.id] = people.introduce(case.messages[-1].content)
        messages = (*case.messages[:-1], Message(role="user", content=text))
        cases.append(case.model_copy(update={"messages": messages}))
    return facts.model_copy(update={"name": "introduced", "cases": tuple(cases)}), firsts


def perplexity(model: Path, rows: Sequence[Conversation]) -> float:
    """Return the perplexity of the rows' last answers under a model, over all of their tokens."""
    import torch

    device, precision = device_and_precision()
    loaded, tokenizer = load_model(model, device=device, dtype=precision)
    lost = count = 0.0
    for row in rows:
        *before, answer = [one.model_dump(include={"role", "content"}) for one in row]
        asked: Any = tokenizer.apply_chat_template(
            before, tokenize=False, add_generation_prompt=True
        )
        start, end = (
            tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
            for text in (asked, answer["content"])
        )
        with torch.inference_mode():
            logits: Any = loaded(torch.cat([start, end], 1).to(device)).logits
        logits = logits[0, start.shape[1] - 1 : -1].float()
        lost += torch.nn.functional.cross_entropy(logits, end[0].to(device), reduction="sum").item()
        count += end.shape[1]
    return math.exp(lost / count)


def _shown(told: Told) -> str:
    figures = json.dumps({key: round(value, 1) for key, value in told.figures.items()})
    return f"perplexity {told.perplexity:.3f}, greeted {told.greeted} ({told.rightly}), {figures}"


if __name__ == "__main__":
    sys.exit(main())
