"""`make bench-documents`: does a model learn to answer from pages, and to say when none answers?

Needs the embedded base, and with --xquad the shared data beside the checkout. The demo's rows with
those of `--source demo-documents` (without the planted personal data, so that nothing is to be
redacted) train the base as `paddock run` would, with the default recipe. Base and trained model are
asked the demo's eval sets, what desk_documents asks without its pages, and a shop of 100 pages
through an index, as `paddock index answer` asks. A minute on a GPU; some 40 on two cores.
Exit code 1 if a figure misses its limit (as measured; the intervals stand beside).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data_contracts.passages import ask_from, read_asked
from data_contracts.records import Message
from eval_sets.desk import load_facts
from eval_sets.desk_pages import Drawing
from eval_sets.loading import load_eval_set
from eval_sets.making.cases import table
from eval_sets.making.desk_documents import question_of
from eval_sets.making.desk_facts import parts_of
from eval_sets.types import Case, ClosedBook, EvalSet, FromPassages
from tasks.demo_desk.conversations import SEED, draw_conversations
from tasks.demo_desk.documents import ROWS_PER_FACT, document_rows
from tasks.finetuning.recipe import Recipe
from tasks.models.encoding import Encoder
from tasks.models.hardware import device_and_precision
from tasks.models.respondents import respondent
from tasks.retrieval.answering import Thresholds, chosen
from tasks.retrieval.building import Asked, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.index import Index
from tests.benchmarks.bench_answers import ask_xquad
from tests.benchmarks.bench_retrieval import shown
from tests.benchmarks.demo_models import Figures, bring_base, score_set, train_on, write_answers
from tests.benchmarks.limits import Limits
from tests.documents import write_documents

SETS = ("desk_documents", "desk_facts", "instruction_following", "safety")
RIGHT, ALONE, ADMITTED = 85.0, 10.0, 80.0  # percent
ALONE_NAME, FOUND_NAME = "without_pages", "through_an_index"


class Told(NamedTuple):
    """A model's figures by `set/figure`, each a list of scores."""

    name: str
    figures: Figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, ask, and print both models side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3, help="passes over the rows (%(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="packed rows a step (%(default)s)")
    parser.add_argument("--rows", type=int, default=ROWS_PER_FACT, help="rows a fact (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of rows and training (%(default)s)")
    parser.add_argument("--xquad", type=int, default=0, help="questions of XQuAD to ask as well")
    parser.add_argument("--answers", default="", help="write answers to FILE-base.jsonl and so on")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="paddock-documents-") as scratch:
        folder = Path(scratch)
        bring_base(folder)
        _train(folder, asked)
        sets = [*map(load_eval_set, SETS), _without_pages(), _through_an_index(folder)]
        told = [
            _ask(name, folder / place, sets, asked.xquad, asked.answers)
            for name, place in (("base", "base"), ("trained", "trained/model"))
        ]
    _show(*told)
    return _judge(told[1].figures)


def _train(folder: Path, asked: argparse.Namespace) -> None:
    seed = asked.seed
    drawn = draw_conversations(seed)
    drawn["personal"] = []
    drawn["documents"] = document_rows(random.Random(f"{seed}/documents"), asked.rows)
    rows = [row for kind in drawn.values() for row in kind]
    recipe = Recipe(
        num_train_epochs=asked.epochs, seed=seed, per_device_train_batch_size=asked.batch
    )
    began = time.perf_counter()
    made = train_on(rows, folder / "base", folder / "trained", recipe, seed)
    took = time.perf_counter() - began
    counts = ", ".join(f"{len(rows)} {kind}" for kind, rows in drawn.items() if rows)
    print(f"{made.rows} rows ({counts})\n{made.steps} steps, {made.tokens:,} tokens, {took:.0f} s")
    print(f"{made.device}, {made.precision}, loss {made.final_loss:.3f}", flush=True)


def _without_pages() -> EvalSet:
    """Return what desk_documents asks that a page answers, without the pages."""
    pages = load_eval_set("desk_documents")
    cases: list[Case] = []
    for case in pages.cases:
        if not case.id.startswith("changed/"):
            continue
        question, passages = read_asked(case.messages[-1].content)
        assert passages
        assert isinstance(case.expect, FromPassages)
        accepted = case.expect.accepted
        expect = ClosedBook(scorer="closed_book", answerable=True, accepted=accepted)
        asked = (Message(role="user", content=question),)
        cases.append(case.model_copy(update={"messages": asked, "expect": expect}))
    card = pages.card.model_copy(update={"name": ALONE_NAME, "scorer": "closed_book"})
    return pages.model_copy(update={"name": ALONE_NAME, "card": card, "cases": tuple(cases)})


def _through_an_index(folder: Path) -> EvalSet:
    """Return questions to a shop through an index of its pages; one fact in four is on none."""
    drawing = Drawing(random.Random(SEED), table("desk_documents")["told"], held=True)
    facts = random.Random(SEED).sample(load_facts(), len(load_facts()))
    there = facts[: len(facts) * 3 // 4]
    texts, values = drawing.shop(there)
    encoder = Encoder()
    snapshot, place = write_documents(folder / "pages", texts), folder / "pages-index"
    place.mkdir()
    write_index(snapshot, Asked("0" * 64, Chunking()), encoder, place)
    index = Index(place, encoder)
    pages = load_eval_set("desk_documents")
    cases: list[Case] = []
    for number, fact in enumerate(facts):
        question = question_of(fact, number)
        hits = index.search(question, 20)
        passages = chosen(hits, index.chunks([hit.place for hit in hits]), Thresholds())
        found = [one.text for one in passages]
        if not found:
            continue  # then nobody is asked
        value = values.get(fact.id, "")
        right = [n for n, text in enumerate(found, 1) if _holds(text, value, fact.names[0])]
        expect = FromPassages(
            scorer="from_passages",
            gold=tuple(right),
            accepted=parts_of(fact, value) if right else (),
        )
        cases.append(
            Case(
                id=f"found/{fact.id}" if right else f"not_found/{fact.id}",
                messages=ask_from(question, found),
                max_new_tokens=40,
                expect=expect,
            )
        )
    card = pages.card.model_copy(update={"name": FOUND_NAME})
    return pages.model_copy(update={"name": FOUND_NAME, "card": card, "cases": tuple(cases)})


def _holds(text: str, value: str, name: str) -> bool:
    return (
        bool(value) and value.casefold() in text.casefold() and name.casefold() in text.casefold()
    )


def _ask(name: str, model: Path, sets: Sequence[EvalSet], xquad: int, answers: str) -> Told:
    device, precision = device_and_precision()
    with respondent(model, device=device, dtype=precision) as asked:
        figures: Figures = {}
        told = [(one.name, said) for one in sets for said in score_set(asked, one, figures)]
        if xquad:
            print(f"\n{name}:")
            with tempfile.TemporaryDirectory() as scratch:
                ask_xquad(asked, xquad, Path(scratch))
    if answers:
        write_answers(Path(f"{answers}-{name}.jsonl"), told)
    return Told(name, figures)


def _show(base: Told, trained: Told) -> None:
    print(f"\n{'':38}{'n':>6}{base.name:>24}{trained.name:>24}")
    for key in base.figures | trained.figures:
        scores = [one.figures.get(key, []) for one in (base, trained)]
        told = [shown(one) if one else "–" for one in scores]
        print(f"{key:38}{len(scores[1]):6}{told[0]:>24}{told[1]:>24}")


def _judge(figures: Mapping[str, Sequence[float]]) -> int:
    def percent(key: str) -> float:
        return 100 * sum(figures[key]) / len(figures[key])

    print()
    limits = Limits()
    limits.at_least("changed facts right with pages, %", percent("desk_documents/accuracy"), RIGHT)
    limits.at_most("changed facts right without, %", percent(f"{ALONE_NAME}/accuracy"), ALONE)
    admitted = percent("desk_documents/abstention")
    limits.at_least("questions of no page, admitted, %", admitted, ADMITTED)
    return limits.exit_code()


if __name__ == "__main__":
    sys.exit(main())
