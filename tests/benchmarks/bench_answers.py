"""`make bench-answers`: what the embedded base model answers from documents, and from none.

Needs the shared data beside the checkout. Questions of XQuAD, drawn by a seed, are asked without
passages, with what the index finds, with the paragraph that holds the answer, and with one of
another article. An answer is right if XQuAD's words stand in it. Nothing was trained for this, so
it is what any base brings: no limit is set.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from data_contracts.records import Message
from tasks.finetuning.base_model import locate, materialize
from tasks.models.encoding import Encoder
from tasks.models.hardware import device_and_precision
from tasks.models.prompts import Prompt, render_question
from tasks.models.respondents import Respondent, respondent
from tasks.retrieval.answering import Grounded, Passage, Thresholds, chosen, messages, read_answer
from tasks.retrieval.building import Asked, write_index
from tasks.retrieval.chunking import Chunk, Chunking
from tasks.retrieval.index import Index
from tests.benchmarks.bench_retrieval import SEED, XQUAD, shown, xquad
from tests.documents import write_documents

BASE = "smollm2-135m-instruct"
MOST_TOKENS = 60
Given = Callable[[str], tuple[Passage, ...]]


class Question(NamedTuple):
    """A question, the number of its paragraph, and the words that answer it."""

    text: str
    paragraph: str
    answers: tuple[str, ...]


def main() -> int:
    """Ask, and print the four ways side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        device, precision = device_and_precision()
        (folder / "base").mkdir()
        materialize(locate(BASE, Path, None, folder), folder / "base")
        with respondent(folder / "base", device=device, dtype=precision) as model:
            ask_xquad(model, asked.questions, folder)
    return 0


def ask_xquad(model: Respondent, number: int, folder: Path) -> None:
    """Ask a model so many of XQuAD's questions, and print the four ways side by side."""
    texts, _ = xquad(XQUAD)
    questions = random.Random(SEED).sample(_questions(), number)
    snapshot, place = write_documents(folder / "rows", texts), folder / "index"
    place.mkdir()
    encoder = Encoder()
    write_index(snapshot, Asked("0" * 64, Chunking()), encoder, place)
    index = Index(place, encoder)
    print(f"{len(questions)} of XQuAD's questions, {model.made_by}")
    heads = ("right", "declined", "cites", "nothing of its own")
    print(f"{'':16s}" + "".join(f"{head:>22s}" for head in heads))
    for way, given in _ways(index, texts, questions).items():
        _ask(model, way, given, questions)


def _questions() -> list[Question]:
    data = json.loads(XQUAD.read_text())["data"]
    entries = [entry for article in data for entry in article["paragraphs"]]
    return [
        Question(one["question"], f"{number:04d}", tuple(a["text"] for a in one["answers"]))
        for number, entry in enumerate(entries)
        for one in entry["qas"]
    ]


def _ways(index: Index, texts: dict[str, str], questions: Sequence[Question]) -> dict[str, Given]:
    of = {one.text: one.paragraph for one in questions}
    numbers = sorted(texts)

    def found(question: str) -> tuple[Passage, ...]:
        hits = index.search(question, 20)
        return chosen(hits, index.chunks([hit.place for hit in hits]), Thresholds())

    def one(paragraph: str) -> tuple[Passage, ...]:
        return (Passage(1, Chunk(paragraph, paragraph, "xquad", 1, (), texts[paragraph], 0)),)

    def wrong(question: str) -> tuple[Passage, ...]:
        return one(numbers[(numbers.index(of[question]) + len(numbers) // 2) % len(numbers)])

    return {
        "no passages": lambda _: (),
        "what is found": found,
        "the right one": lambda question: one(of[question]),
        "a wrong one": wrong,
    }


def _ask(model: Respondent, way: str, given: Given, questions: Sequence[Question]) -> None:
    prompts: list[Prompt] = []
    passages: list[tuple[Passage, ...]] = []
    for number, question in enumerate(questions):
        passages.append(given(question.text))
        turns = (
            messages(question.text, passages[-1])
            if passages[-1]
            else [{"role": "user", "content": question.text}]
        )
        text = render_question(
            [Message.model_validate(turn) for turn in turns], model.tokenizer, way
        )
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        prompts.append(Prompt(way, f"{number:04d}", ids, MOST_TOKENS))
    started = time.perf_counter()
    model.answer(prompts, lambda done, total: None)
    told: list[Grounded] = []
    right: list[float] = []
    for question, prompt, used in zip(questions, prompts, passages, strict=True):
        said = model.tokenizer.decode(prompt.answer, skip_special_tokens=True)
        told.append(read_answer(said, question.text, used))
        right.append(float(any(one.casefold() in said.casefold() for one in question.answers)))
    figures = (
        right,
        [float(one.declined) for one in told],
        [float(bool(one.cited)) for one in told],
        [float(one.faithful) for one in told],
    )
    took = time.perf_counter() - started
    print(f"{way:16s}" + "".join(f"{shown(scores):>22s}" for scores in figures) + f"  {took:.0f} s")


if __name__ == "__main__":
    raise SystemExit(main())
