"""Scorers of sets that users bring: references, numbers, passages, stated confidence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from eval_sets.loading import load_eval_set_folder
from tasks.evaluation.metrics.case_metric import CaseMetric
from tasks.evaluation.metrics.grounded import Grounded, GroundedScorer, invented, support
from tasks.evaluation.metrics.number_match import NumberMatch, NumberMatchScorer
from tasks.evaluation.metrics.overlap import rouge_l, says_exactly, token_f1
from tasks.evaluation.metrics.reference_answer import ReferenceAnswer, ReferenceAnswerScorer
from tasks.evaluation.metrics.registry import expectations
from tasks.evaluation.metrics.scorer import Answer
from tasks.evaluation.metrics.stated_confidence import (
    StatedConfidence,
    StatedConfidenceScorer,
    confidence,
)

PASSAGE = (
    "The Lindholm bridge was opened in 1931 and carries about 12,500 cars a day. It was built from"
    " Swedish granite by the engineer Karin Ek, and is 1.2 km long."
)
QUESTION = f"{PASSAGE}\n\nWho built the Lindholm bridge?"


def number(answer: str, wanted: str, **more: Any) -> float | None:
    expected = NumberMatch(scorer="number_match", number=wanted, **more)
    return NumberMatchScorer().score(Answer(answer), expected)["accuracy"]


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        ("The Eiffel Tower.", "eiffel tower", True),
        ("It is the Eiffel Tower", "Eiffel Tower", False),
        ("1,250 g", "1.25 kg", True),
        ("Eighty-nine euros", "€89", True),
        ("8 per cent", "8%", True),
        ("8 percent", "9%", False),
        ("1,250", "1250", True),
        ("twelve months", "12 years", False),
        ("1.5", "15", False),
        ("-3", "3", False),
        ("well-known", "well known", True),
        ("", "x", False),
        ("the", "a", False),
    ],
)
def test_the_same_answer_is_the_same_however_it_is_written(
    answer: str, reference: str, same: bool
) -> None:
    assert says_exactly(answer, reference) is same


def test_token_f1_is_squads() -> None:
    # As evaluate-v1.1.py of SQuAD gives it: precision 2/4, recall 2/2.
    assert token_f1("on the Lindholm bridge today", "Lindholm bridge") == pytest.approx(2 / 3)
    assert token_f1("no no", "no") == pytest.approx(2 / 3)  # one of two is too many
    assert token_f1("yes", "no") == token_f1("", "no") == 0.0


@pytest.mark.parametrize(
    ("candidate", "score"),
    [
        ("police kill the gunman", 3 / 4),
        ("the gunman kill police", 2 / 4),
        ("the gunman police killed", 2 / 4),
        ("police killed the gunman", 1.0),
        ("", 0.0),
    ],
)
def test_rouge_l_is_as_in_its_paper(candidate: str, score: float) -> None:
    # Lin (2004), section 3.1: the example of the gunman, with beta 1.
    assert rouge_l(candidate, "police killed the gunman") == pytest.approx(score)


def test_the_best_of_several_references_counts() -> None:
    expected = ReferenceAnswer(scorer="reference_answer", references=("by boat", "by the ferry"))
    scores = ReferenceAnswerScorer().score(Answer("By ferry"), expected)
    assert scores == {"exact_match": 1.0, "token_f1": 1.0, "rouge_l": pytest.approx(4 / 5)}


@pytest.mark.parametrize(
    ("answer", "wanted", "right"),
    [
        ("48/2 = 24, and 48 + 24 = 72.", "72", 1.0),
        ("She has 72 clips. 24 are red.", "72", 0.0),  # the last one counts
        ("It costs $1,250.", "1250", 1.0),
        ("It costs 1,250 euros.", "1250 euros", 1.0),
        ("It costs 1250.", "1,250 euros", 1.0),
        ("It costs 1250 dollars.", "1,250 euros", 0.0),
        ("Seventy-two", "72", 1.0),
        ("minus 3", "-3", 1.0),
        ("It weighs 1.25 kg", "1,250 grams", 1.0),
        ("It is 720", "72", 0.0),
        ("I don't know.", "72", 0.0),
        ("", "72", 0.0),
    ],
)
def test_numbers(answer: str, wanted: str, right: float) -> None:
    assert number(answer, wanted) == right


def test_which_number_counts_and_how_near_it_must_be() -> None:
    assert number("72 clips, 24 of them red", "72", counts="first") == 1.0
    assert number("24 red ones of 72 clips and 3 boxes", "72", counts="any") == 1.0
    assert number("about 101", "100", tolerance=0.01) == 1.0
    assert number("about 102", "100", tolerance=0.01) == 0.0


def test_what_is_no_number_is_refused_without_a_word_of_it() -> None:
    reference = NumberMatch(scorer="number_match", number="SECRET or 7 or 8").model_dump_json()
    with pytest.raises(PaddockError, match="number_match could not read") as caught:
        CaseMetric(NumberMatchScorer()).per_case(
            predictions=["7"], references=[reference], questions=[""], tokens=[1]
        )
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "share", "invents"),
    [
        ("Karin Ek", 1.0, False),
        ("The engineer Karin Ek built it from granite.", 1.0, False),
        ("It carries 12500 cars", 1.0, False),
        ("It is 1200 meters long.", 1.0, False),
        ("It opened in 1932.", 0.5, True),
        ("Olof Palme, a carpenter", 0.0, True),
        ("Stockholm", 0.0, True),
        ("Some carpenter from the hills", 0.0, False),  # made up, but without a name
        ("Surely the clever Karin Ek and Olof Palme", 2 / 6, True),
        ("Hence I reckon that Karin Ek did", 0.5, False),
        ("", 0.0, False),
    ],
)
def test_support_is_the_share_that_the_passage_holds(
    answer: str, share: float, invents: bool
) -> None:
    assert support(answer, PASSAGE, QUESTION) == pytest.approx(share)
    assert invented(answer, PASSAGE, QUESTION) is invents


def grounded(answer: str, **expected: Any) -> dict[str, float | None]:
    form = Grounded.model_validate({"scorer": "grounded", "passage": PASSAGE, **expected})
    return GroundedScorer().score(Answer(answer, QUESTION), form)


def test_an_answer_is_held_against_the_passage_and_the_gold_answer() -> None:
    known = {"answers": ["Karin Ek"]}
    right = {"accuracy": 1.0, "support": 1.0, "invention": 0.0, "abstention": None}
    assert grounded("The engineer Karin Ek.", **known) == right
    made_up = grounded("Olof Palme, a carpenter.", **known)
    assert (made_up["accuracy"], made_up["support"], made_up["invention"]) == (0.0, 0.0, 1.0)
    assert grounded("Karin Ek in 1932", **known)["invention"] == 1.0  # a figure of its own
    silent = grounded("I don't know.", **known)
    assert (silent["accuracy"], silent["support"], silent["invention"]) == (0.0, 0.0, 0.0)


def test_where_the_passage_lacks_the_answer_one_says_so() -> None:
    lacking = {"answerable": False}
    silent = {"accuracy": None, "support": None, "invention": 0.0, "abstention": 1.0}
    assert grounded("The passage does not say.", **lacking) == silent
    assert grounded("Olof Palme, a carpenter.", **lacking)["abstention"] == 0.0
    with pytest.raises(ValueError, match="answers belong"):
        grounded("x", answerable=False, answers=["x"])


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Paris. Confidence: 90%", 0.9),
        ("Paris (I am 75 percent sure)", 0.75),
        ("I'm 60% sure it is Rome. Confidence: 20%", 0.2),
        ("80% of people live there", None),
        ("Confidence: 250%", None),
        ("Paris", None),
    ],
)
def test_a_confidence_is_read_where_it_is_stated(text: str, stated: float | None) -> None:
    assert confidence(text)[0] == stated


def test_briers_rule_rewards_who_says_what_is_so() -> None:
    expected = StatedConfidence(scorer="stated_confidence", answers=("Paris", "90"))

    def brier(answer: str) -> float | None:
        return StatedConfidenceScorer().score(Answer(answer), expected)["brier"]

    assert brier("Paris. Confidence: 90%") == pytest.approx(0.01)
    assert brier("Rome. Confidence: 90%") == pytest.approx(0.81)  # its 90 is no answer
    assert brier("Rome. Confidence: 10%") == pytest.approx(0.01)
    assert brier("Paris") == brier("Rome") == pytest.approx(0.25)


@pytest.mark.parametrize(
    "expect",
    [
        {"scorer": "reference_answer", "references": ["by boat"]},
        {"scorer": "number_match", "number": "72", "tolerance": 0.01},
        {"scorer": "grounded", "passage": PASSAGE, "answers": ["Karin Ek"]},
        {"scorer": "stated_confidence", "answers": ["Paris"]},
    ],
)
def test_a_users_folder_may_expect_it(tmp_path: Path, expect: dict[str, Any]) -> None:
    keys = ("purpose", "provenance", "licence", "gates")
    lines = ["name = 'ours'", "version = '1.0.0'", "scope = 'general'"]
    lines += [f"scorer = '{expect['scorer']}'", *(f"{key} = 'p'" for key in keys)]
    (tmp_path / "card.toml").write_text("\n".join(lines))
    asked = {"messages": [{"role": "user", "content": "Well?"}], "max_new_tokens": 8}
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "a", **asked, "expect": expect}))
    assert len(load_eval_set_folder(tmp_path, expectations()).cases) == 1
    (tmp_path / "cases.jsonl").write_text(
        json.dumps({"id": "a", **asked, "expect": {**expect, "surprise": 1}})
    )
    with pytest.raises(InputError, match="surprise"):
        load_eval_set_folder(tmp_path, expectations())


def test_the_page_shows_an_expectation_of_every_scorer() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/evaluation.md").read_text()
    shown: set[str] = set()
    for line in page.splitlines():
        name = re.match(r"\| `(\w+)` \| .*`\{", line)
        if name and name[1] in expectations():
            for example in re.findall(r"`(\{.*?\})`", line):
                given = {"scorer": name[1], **json.loads(example)}
                expectations()[name[1]].model_validate_json(json.dumps(given))
                shown.add(name[1])
    assert shown == set(expectations())
