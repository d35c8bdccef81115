from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import InputError
from tasks.human_review.sample import draw_sample, read_sample


def _row(eval_set: str, number: int, right: bool, base_right: bool) -> dict[str, Any]:
    return {
        "eval_set": eval_set,
        "case_id": f"case-{number}",
        "system": "You are a desk.",
        "prompt": f"Question {number} of someone@example.org?",
        "expect": json.dumps({"scorer": "closed_book", "facts": ["It costs 89 euros."]})
        if eval_set == "facts"
        else json.dumps({"scorer": "pii_leak", "values": ["planted-secret"]}),
        "answer_base": "I do not know.",
        "truncated_base": False,
        "scores_base": json.dumps({"accuracy": float(base_right)}),
        "answer_candidate": "It costs 89 euros.",
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
    assert counts == {"cases": 140, "sampled": 24, "disagreements": 6}
    assert Counter(case.eval_set for case in sample) == {"facts": 12, "leak": 12}
    facts = [case for case in sample if case.eval_set == "facts"]
    assert Counter(case.disagrees for case in facts) == {True: 6, False: 6}
    assert {case.scores["accuracy"] for case in facts} == {0.0, 1.0}
    text = (tmp_path / "sample.jsonl").read_text()
    assert "<EMAIL_1>" in text
    assert "example.org" not in text
    assert "planted-secret" not in text
    assert "It costs 89 euros." in {case.known for case in facts}


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
    assert draw_sample(cases, tmp_path, redact=_redact, size=500)["sampled"] == 140
    sample = read_sample(tmp_path)
    assert len({(case.eval_set, case.case_id) for case in sample}) == 140


def test_the_champion_is_what_is_compared_with_where_there_is_one(tmp_path: Path) -> None:
    row = _row("facts", 1, right=True, base_right=False)
    row |= {"answer_champion": "90 euros", "scores_champion": row["scores_candidate"]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "cases.parquet")
    draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    (case,) = read_sample(tmp_path)
    assert (case.compared, case.other, case.disagrees) == ("champion", "90 euros", False)


def test_an_answer_may_hold_any_end_of_a_line(tmp_path: Path) -> None:
    row = _row("facts", 1, right=True, base_right=False)
    row |= {"answer_champion": "90\u2028euros\x85\n!", "scores_champion": row["scores_candidate"]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "cases.parquet")
    draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    (case,) = read_sample(tmp_path)
    assert case.other == "90\u2028euros\x85\n!"


def test_unreadable_input_is_said(tmp_path: Path) -> None:
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="cannot be read"):
        draw_sample(tmp_path / "cases.parquet", tmp_path, redact=_redact)
    (tmp_path / "sample.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="sample cannot be read"):
        read_sample(tmp_path)
