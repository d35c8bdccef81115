"""A metric is added in one place: a class, and a line in the registry. Two in units we lack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from data_contracts.errors import InputError
from eval_sets.loading import load_eval_set_folder
from eval_sets.types import EvalSet, Expectation
from flows.asking.given import choose_eval_sets
from model_registry.gates import judge
from model_registry.policy import Gate, Policy
from model_registry.scorecard import Role, Scorecard, Unit, read_scorecard
from tasks.evaluation.comparison import build_scorecard
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Answer, Figure, Score, Scorer
from tasks.evaluation.tables import write_json, write_rows

DIGESTS: dict[Role, str] = {"base": "b" * 64, "candidate": "c" * 64}


class Brief(Expectation):
    """An answer of about so many words."""

    scorer: Literal["brevity"]
    words: int


class BrevityScorer(Scorer[Brief]):
    """How long answers are, and how well that fits, from 1 to 5."""

    name = "brevity"
    expects = Brief
    figures = (
        Figure("length", higher_is_better=False, unit=Unit(name="words", low=0, mark=" words")),
        Figure("fit", higher_is_better=True, unit=Unit(name="1 to 5", low=1, high=5, digits=1)),
    )

    def score(self, answer: Answer, expected: Brief) -> dict[str, Score]:
        """Score one answer."""
        length = len(answer.text.split())
        return {"length": length, "fit": max(1.0, 5.0 - abs(length - expected.words))}


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EvalSet]:
    monkeypatch.setitem(SCORERS, BrevityScorer.name, BrevityScorer())
    folder = tmp_path / "replies"
    folder.mkdir()
    lines = ["name = 'replies'", "version = '1.0.0'", "scope = 'general'", "scorer = 'brevity'"]
    lines += [f"{key} = 'p'" for key in ("purpose", "provenance", "licence", "gates")]
    (folder / "card.toml").write_text("\n".join(lines))
    cases = [
        {
            "id": f"c{n}",
            "messages": [{"role": "user", "content": f"Question {n}?"}],
            "max_new_tokens": 8,
            "expect": {"scorer": "brevity", "words": 3},
        }
        for n in range(8)
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)))
    return choose_eval_sets([str(folder), "safety"])[:1]


@pytest.fixture
def scorecard(sets: list[EvalSet], tmp_path: Path) -> Scorecard:
    answers: dict[Role, Path] = {}
    lengths: dict[Role, int] = {"base": 6, "candidate": 3}
    for role, words in lengths.items():
        rows = [
            {
                "eval_set": "replies",
                "case_id": case.id,
                "answer": "word " * (words + place % 2),
                "tokens": 4,
                "truncated": False,
            }
            for place, case in enumerate(sets[0].cases)
        ]
        write_rows(tmp_path / role / "answers.parquet", rows)
        asked = {"replies": {"digest": sets[0].digest}}
        write_json(tmp_path / role / "answers.json", {"eval_sets": asked})
        answers[role] = tmp_path / role
    build_scorecard(answers, {}, sets, DIGESTS, tmp_path / "out")
    return read_scorecard(tmp_path / "out/scorecard.json")


def test_its_figures_stand_in_scorecard_and_report_in_their_unit(
    scorecard: Scorecard, tmp_path: Path
) -> None:
    length, fit = scorecard.metrics["replies/length"], scorecard.metrics["replies/fit"]
    assert (length.unit.name, length.higher_is_better) == ("words", False)
    assert length.scores["candidate"].value == pytest.approx(3.5)
    assert length.differences["candidate-base"].value == pytest.approx(-3.0)
    # All eight differ by the same three words: nothing tells how far another could be off.
    assert length.differences["candidate-base"].missing
    assert fit.scores["base"].value == pytest.approx(1.5)
    assert not fit.differences["candidate-base"].missing  # the scale ends at 1 and at 5
    report = (tmp_path / "out/scorecard.md").read_text()
    assert "| replies/length ↓ | words | 8 | 6.50 words [6." in report
    assert "| replies/fit ↑ | 1 to 5 | 8 | 1.5 [1." in report and "-3.00 [no interval]" in report
    assert (tmp_path / "out/scorecard.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("metric", "rule", "value", "passes", "reason"),
    [
        ("replies/length", "max", 4, True, "] words; "),
        ("replies/length", "max", 3, False, "not at most 3"),
        ("replies/fit", "min", 4, True, "4.500"),
        ("replies/fit", "improves_by", 0.4, True, "above 0.4"),
        ("replies/length", "not_worse_than", 1, False, "too much alike"),
    ],
)
def test_gates_judge_its_figures(
    scorecard: Scorecard, metric: str, rule: str, value: float, passes: bool, reason: str
) -> None:
    gate = Gate.model_validate({"id": "g", "metric": metric, "rule": rule, "value": value})
    verdict = judge(Policy(name="p", gates=(gate,)), scorecard)
    assert verdict.passed is passes and reason in verdict.gates[0].reason


def test_a_case_that_does_not_fit_its_form_is_refused(sets: list[EvalSet], tmp_path: Path) -> None:
    path = tmp_path / "replies/cases.jsonl"
    path.write_text(path.read_text().replace('"words": 3', '"words": "many"'))
    with pytest.raises(InputError, match=r"expect\.words"):
        choose_eval_sets([str(path.parent)])
    with pytest.raises(InputError, match="there is no scorer brevity; known are closed_book"):
        load_eval_set_folder(path.parent)
