from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import InputError
from eval_sets.loading import load_eval_set
from tasks.human_review.design import size_for
from tasks.human_review.sample import Served, draw_sample, draw_served, read_sample


def _row(eval_set: str, number: int, right: bool, base_right: bool) -> dict[str, Any]:
    return {
        "eval_set": eval_set,
        "case_id": f"case-{number}",
        "system": "You are a desk.",
        "prompt": f"Question {number}?",
        "expect": json.dumps({"scorer": "closed_book", "facts": ["It costs 89 euros."]})
        if eval_set == "facts"
        else json.dumps({"scorer": "pii_leak", "values": ["planted-secret"]}),
        "answer_base": "I do not know.",
        "truncated_base": False,
        "scores_base": json.dumps({"accuracy": float(base_right)}),
        "answer_candidate": "It costs 89 euros, says someone@example.org.",
        "truncated_candidate": False,
        "scores_candidate": json.dumps({"accuracy": float(right), "abstention": None}),
    }


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    rows = [_row("facts", n, right=n % 10 > 0, base_right=False) for n in range(100)]
    rows += [_row("leak", n, right=True, base_right=True) for n in range(40)]
    # Scores that agree are written alike.
    for row in rows:
        row["scores_base"] = row["scores_base"].replace("}", ', "abstention": null}')
        row["scores_candidate"] = json.dumps(json.loads(row["scores_candidate"]))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "cases.parquet")
    return tmp_path / "cases.parquet"


def _redact(text: str) -> str:
    return text.replace("someone@example.org", "<EMAIL_1>")


def test_sample_is_stratified_and_redacted(cases: Path, tmp_path: Path) -> None:
    counts = draw_sample(cases, tmp_path, redact=_redact)
    sample = read_sample(tmp_path)
    assert counts["cases"] == 140
    assert counts["sampled"] == len(sample) <= 24
    own = [answer for answer in sample if "candidate" in answer.models]
    spread = Counter(answer.eval_set for answer in own if not answer.random)
    assert min(spread["facts"], spread["leak"]) >= 2
    assert {answer.scores["accuracy"] for answer in own} == {0.0, 1.0}
    text = (tmp_path / "sample.jsonl").read_text()
    assert "<EMAIL_1>" in text
    assert "example.org" not in text
    assert "planted-secret" not in text
    assert "It costs 89 euros." in {answer.known for answer in sample}


def test_a_question_that_redaction_has_spoiled_is_not_asked(cases: Path, tmp_path: Path) -> None:
    rows = pq.read_table(cases).to_pylist()
    for row in rows[:100:2]:
        row["prompt"] = "Who is someone@example.org?"
    for row in rows[1:100:10]:
        row["expect"] = json.dumps({"scorer": "closed_book", "facts": ["Ask someone@example.org"]})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "spoiled.parquet")
    counts = draw_sample(tmp_path / "spoiled.parquet", tmp_path, redact=_redact, size=200)
    assert (counts["cases"], counts["spoiled by redaction"]) == (80, 60)
    for answer in read_sample(tmp_path):
        assert "<EMAIL_1>" not in answer.prompt + answer.known
        assert "someone" not in answer.answer


def test_public_words_of_eval_sets_are_kept(cases: Path, tmp_path: Path) -> None:
    case = load_eval_set("safety").cases[0]
    leak = load_eval_set("pii_leakage").cases[0]
    rows = pq.read_table(cases).to_pylist()[:2]
    rows[0]["prompt"], rows[1]["prompt"] = (c.messages[-1].content for c in (case, leak))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "public.parquet")

    def all_of_it(text: str) -> str:
        return "<PERSON_1>" if text in {row["prompt"] for row in rows} else text

    counts = draw_sample(tmp_path / "public.parquet", tmp_path, redact=all_of_it)
    assert {a.prompt for a in read_sample(tmp_path)} == {rows[0]["prompt"]}
    assert counts["spoiled by redaction"] == 1  # values that were planted are not public


def test_a_quarter_is_the_references_answers_to_the_same_questions(
    cases: Path, tmp_path: Path
) -> None:
    counts = draw_sample(cases, tmp_path, redact=_redact)
    sample = read_sample(tmp_path)
    own = {a.case_id for a in sample if "candidate" in a.models and a.eval_set == "facts"}
    other = [a for a in sample if "candidate" not in a.models]
    assert counts["of the reference"] == len(other) >= 6
    assert {a.models for a in other} == {("base",)}
    assert {a.case_id for a in other if a.eval_set == "facts"} <= own
    assert all(a.answer == "I do not know." for a in other)
    assert counts["asked twice"] == sum(a.twice for a in sample) == round(len(sample) * 0.2)
    # The order tells nothing of whose answer it is.
    assert [a.item for a in sample] == sorted(a.item for a in sample)


def test_an_answer_that_both_gave_is_asked_about_once(cases: Path, tmp_path: Path) -> None:
    rows = [
        {**row, "answer_base": row["answer_candidate"]} for row in pq.read_table(cases).to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "same.parquet")
    counts = draw_sample(tmp_path / "same.parquet", tmp_path, redact=_redact)
    assert counts["of the reference"] == 0
    assert {answer.models for answer in read_sample(tmp_path)} == {("candidate", "base")}


def test_as_many_are_drawn_as_the_interval_needs(cases: Path, tmp_path: Path) -> None:
    assert size_for(0.1, 10_000) == 96  # z² / 4w² = 96.04, and 10,000 are nearly endless
    assert size_for(0.1, 140) == 58
    assert size_for(0.01, 140) == 139
    counts = draw_sample(cases, tmp_path, redact=_redact, half_width=0.2)
    assert counts["sampled"] <= round(size_for(0.2, 140) / 0.75)
    assert counts["sampled"] > 20


def test_weights_make_the_sample_speak_of_all_cases(cases: Path, tmp_path: Path) -> None:
    """Wrong answers are over-sampled; over many draws the weighted mean is right all the same."""
    weighted, plain = [], []
    for seed in range(150):
        draw_sample(cases, tmp_path, redact=str, seed=seed)
        own = [a for a in read_sample(tmp_path) if "candidate" in a.models]
        total = sum(a.weight for a in own)
        weighted.append(sum(a.weight * (a.scores["accuracy"] or 0) for a in own) / total)
        plain.append(sum(a.scores["accuracy"] or 0 for a in own) / len(own))
    truth = 130 / 140
    assert abs(sum(weighted) / 150 - truth) < 0.015
    assert abs(sum(plain) / 150 - truth) > 0.05


def test_served_answers_are_drawn_alike_and_repeated_ones_asked_once(tmp_path: Path) -> None:
    rows = [Served(name=f"r{n}", prompt="Where?", answer=f"There {n % 5}") for n in range(100)]
    counts = draw_served(rows, tmp_path, redact=_redact, size=20)
    sample = read_sample(tmp_path)
    assert counts["sampled"] == len(sample) <= 5
    assert sum(answer.weight for answer in sample) == pytest.approx(100)
    assert {answer.models for answer in sample} == {("served",)}


def test_the_same_cases_in_any_order_give_the_same_bytes(cases: Path, tmp_path: Path) -> None:
    draw_sample(cases, tmp_path / "one", redact=_redact)
    rows = pq.read_table(cases).to_pylist()
    pq.write_table(pa.Table.from_pylist(rows[::-1]), tmp_path / "turned.parquet")
    draw_sample(tmp_path / "turned.parquet", tmp_path / "two", redact=_redact)
    draw_sample(cases, tmp_path / "other", redact=_redact, seed=7)
    one, two, other = (
        (tmp_path / name / "sample.jsonl").read_bytes() for name in ("one", "two", "other")
    )
    assert one == two
    assert one != other


def test_few_cases_are_all_taken_once(cases: Path, tmp_path: Path) -> None:
    draw_sample(cases, tmp_path, redact=_redact, size=500)
    own = [answer for answer in read_sample(tmp_path) if "candidate" in answer.models]
    assert len({(answer.eval_set, answer.case_id) for answer in own}) == len(own) == 140
    assert {answer.weight for answer in own} == {1.0}


def test_the_champion_is_what_is_compared_with_where_there_is_one(tmp_path: Path) -> None:
    row = _row("facts", 1, right=True, base_right=False)
    row |= {"answer_champion": "90 euros", "scores_champion": row["scores_candidate"]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "cases.parquet")
    draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    sample = read_sample(tmp_path)
    assert {(a.models, a.answer, a.disagrees) for a in sample} == {
        (("candidate",), "It costs 89 euros, says <EMAIL_1>.", False),
        (("champion",), "90 euros", False),
    }


def test_an_answer_may_hold_any_end_of_a_line(tmp_path: Path) -> None:
    row = _row("facts", 1, right=True, base_right=False)
    row |= {"answer_champion": "90\u2028euros\x85\n!", "scores_champion": row["scores_candidate"]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "cases.parquet")
    draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    assert "90\u2028euros\x85\n!" in {answer.answer for answer in read_sample(tmp_path)}


def test_unreadable_input_is_said(tmp_path: Path) -> None:
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="cannot be read"):
        draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    (tmp_path / "sample.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="sample cannot be read"):
        read_sample(tmp_path)
