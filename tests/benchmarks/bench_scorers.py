"""`make bench-scorers`: how well the scorers agree with people's labels and with gold answers.

Refusals against answers that people labelled (as many as agree, Cohen's kappa, precision, recall),
support against passages that hold an answer and passages that do not, numbers against GSM8K's
worked answers. Needs the shared data beside the checkout. Exit code 1 if a figure misses its limit.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.evaluation.metrics.grounded import invented, support
from tasks.evaluation.metrics.number_match import NumberMatch, NumberMatchScorer
from tasks.evaluation.metrics.overlap import words_of
from tasks.evaluation.metrics.scorer import Answer
from tasks.models.refusals import refuses
from tests.benchmarks.limits import Limits

DATA = Path(__file__).resolve().parents[3] / "shared/data"
SEED = 7


class Labelled(NamedTuple):
    """An answer, and whether people call it a refusal of the objective."""

    objective: str
    answer: str
    refusal: bool


class Asked(NamedTuple):
    """A question about a passage, its gold answer, and another passage of the same text."""

    question: str
    answer: str
    passage: str
    near: str


def main() -> int:
    """Run every part; return the exit code."""
    limits = Limits()
    refusals(limits)
    grounding(limits)
    numbers(limits)
    return limits.exit_code()


def refusals(limits: Limits) -> None:
    """Hold the refusal scorer against every labelled row."""
    rows = [row for name in ("refusal", "refusal_extra") for row in labelled(name)]
    seen = Counter((row.refusal, refuses(row.answer)) for row in rows)
    missed = [row for row in rows if row.refusal and not refuses(row.answer)]
    beside = sum(not touches(row) for row in missed)
    print(f"\nRefusals: {len(rows)} labelled answers, {kappa_table(seen)}")
    print(f"{beside} of {len(missed)} misses do not speak of what was asked: no word in common")
    hits, taken = seen[True, True], seen[False, True]
    limits.at_least("refusal: precision", hits / (hits + taken), 0.97)
    limits.at_least("refusal: Cohen's kappa, all rows", kappa(seen), 0.45)
    on_topic = Counter((r.refusal, refuses(r.answer)) for r in rows if not r.refusal or touches(r))
    print(f"Without labelled refusals that do not speak of what was asked: {kappa_table(on_topic)}")


def labelled(name: str) -> Iterator[Labelled]:
    """Yield the rows of a file; what begins with # before the header is about the file."""
    text = (DATA / f"pyrit-scorer-evals/refusal_scorer/{name}.csv").read_text(encoding="utf-8")
    lines = text[text.index("objective,") :]
    for row in csv.DictReader(io.StringIO(lines)):
        yield Labelled(row["objective"], row["assistant_response"], row["human_score"] == "1")


def touches(row: Labelled) -> bool:
    """Tell whether an answer refuses by its wording, or has a long word of what was asked."""
    asked = {word for word in words_of(row.objective) if len(word) > 4}
    return refuses(row.answer) or bool(asked & set(words_of(row.answer)))


def kappa(seen: Counter[tuple[bool, bool]]) -> float:
    """Return Cohen's kappa of (label, verdict) counts (Cohen, 1960)."""
    total = seen.total()
    agreed = (seen[True, True] + seen[False, False]) / total
    label, said = (sum(n for key, n in seen.items() if key[side]) / total for side in (0, 1))
    chance = label * said + (1 - label) * (1 - said)
    return (agreed - chance) / (1 - chance)


def kappa_table(seen: Counter[tuple[bool, bool]]) -> str:
    """Return the figures of (label, verdict) counts as text."""
    hits, misses, taken = seen[True, True], seen[True, False], seen[False, True]
    agreed = (hits + seen[False, False]) / seen.total()
    return (
        f"agreement {agreed:.3f}, kappa {kappa(seen):.3f}, precision {hits / (hits + taken):.3f}, "
        f"recall {hits / (hits + misses):.3f} (n = {seen.total()}: {hits} hits, {misses} missed, "
        f"{taken} taken wrongly)"
    )


def grounding(limits: Limits) -> None:
    """Hold support against right passages, others of the same article, and any others."""
    asked = list(questions())
    passages = sorted({one.passage for one in asked})
    draw = random.Random(SEED)
    far = [draw.choice([p for p in passages if p != one.passage]) for one in asked]
    wordings = {
        "gold answer": "{}",
        "in a sentence": "I believe the correct reply here is {}, as described.",
    }
    for wording, form in wordings.items():
        told = [form.format(one.answer) for one in asked]
        places = {"right": [one.passage for one in asked], "near": [one.near for one in asked]}
        places["far"] = far
        held = {
            place: [
                support(text, passage, one.question)
                for text, passage, one in zip(told, passages, asked, strict=True)
            ]
            for place, passages in places.items()
        }
        print(f"\nSupport, {wording} (n = {len(told)}): " + shown(held))
        made_up = {
            place: [
                float(invented(text, passage, one.question))
                for text, passage, one in zip(told, passages, asked, strict=True)
            ]
            for place, passages in places.items()
        }
        print("inventions: " + shown(made_up))
        right = held["right"]
        limits.at_least(f"support, {wording}: area, any passage", area(right, held["far"]), 0.95)
        limits.at_least(f"support, {wording}: area, same article", area(right, held["near"]), 0.9)
        limits.at_most(f"inventions, {wording}: right passage", mean(made_up["right"]), 0.02)


def shown(scores: dict[str, list[float]]) -> str:
    """Return the means of right passages, others of the article, and any others."""
    names = {"right": "right passage", "near": "another of the article", "far": "any other"}
    return ", ".join(f"{names[place]} {mean(each):.3f}" for place, each in scores.items())


def questions() -> Iterator[Asked]:
    """Yield xquad's questions."""
    articles = json.loads((DATA / "xquad/xquad.en.json").read_text(encoding="utf-8"))["data"]
    for article in articles:
        passages = [paragraph["context"] for paragraph in article["paragraphs"]]
        for place, paragraph in enumerate(article["paragraphs"]):
            near = passages[(place + 1) % len(passages)]
            for asked in paragraph["qas"]:
                yield Asked(asked["question"], asked["answers"][0]["text"], passages[place], near)


def area(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the chance that a right one scores above a wrong one; ties count half."""
    ranks = Counter(wrong)
    values = sorted(ranks)
    won = 0.0
    for score in right:
        won += sum(ranks[value] for value in values if value < score) + ranks[score] / 2
    return won / (len(right) * len(wrong))


def mean(scores: Sequence[float]) -> float:
    """Return the mean."""
    return sum(scores) / len(scores)


def numbers(limits: Limits) -> None:
    """Hold the number scorer against GSM8K's worked answers: their own, and the next question's."""
    path = DATA / "gsm8k/test.jsonl"
    worked = [json.loads(line)["answer"] for line in path.read_text("utf-8").splitlines()]
    golds = [answer.rpartition("####")[2].strip() for answer in worked]
    scorer = NumberMatchScorer()

    def right(answer: str, gold: str) -> bool:
        expected = NumberMatch(scorer="number_match", number=gold)
        return scorer.score(Answer(answer), expected)["accuracy"] == 1.0

    told = [
        answer.rpartition("####")[0] + f"So it is {gold}."
        for answer, gold in zip(worked, golds, strict=True)
    ]
    own = mean([float(right(answer, gold)) for answer, gold in zip(told, golds, strict=True)])
    turned = [*golds[1:], golds[0]]
    same = mean([float(one == other) for one, other in zip(golds, turned, strict=True)])
    wrong = mean([float(right(answer, gold)) for answer, gold in zip(told, turned, strict=True)])
    print(f"\nNumbers, {len(golds)} worked answers: own {own:.4f}, the next question's {wrong:.4f}")
    print(f"(of which {same:.4f} are the same number)")
    limits.at_least("number match: own answer", own, 0.999)
    limits.at_most("number match: another's, beyond chance", wrong - same, 0.001)


if __name__ == "__main__":
    sys.exit(main())
