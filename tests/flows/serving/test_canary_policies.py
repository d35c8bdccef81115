"""What a canary can be held to here, and what answers of the log say of a version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from flows.serving.canary_start import policy_of
from flows.serving.judging_answers import judge_of
from tasks.serving.specification import Specification

ASKED = "What would I have to pay to get the Tarn backpack?"


def served(canary: dict[str, Any], *, keep: bool = True) -> Specification:
    return Specification.model_validate({"name": "desk", "log": {"keep": keep}, "canary": canary})


def row(prompt: str, answer: str) -> LogRow:
    return LogRow(id="1", time=datetime.now(UTC), model="desk", prompt=prompt, answer=answer)


def test_what_nobody_counts_is_refused_before_a_canary_begins() -> None:
    with pytest.raises(InputError, match="hallucinated") as refused:
        policy_of(served({}), None)
    assert "eval_sets" in refused.value.remedy
    with pytest.raises(InputError, match="truncated, hallucinated, refused") as refused:
        policy_of(served({"eval_sets": ["desk_facts"]}, keep=False), None)
    assert "keep = true" in refused.value.remedy
    assert policy_of(served({"eval_sets": ["desk_facts"]}), 60).fast == 60
    two = policy_of(served({"metrics": ["errors", "latency"]}, keep=False), None)
    assert list(two.judged) == ["errors", "latency"]


def test_an_answer_is_true_or_not_by_the_case_that_asks_the_same() -> None:
    judge = judge_of(served({"eval_sets": ["desk_facts", "safety"]}))
    right = judge(row(f"  {ASKED.upper()} ", "The Tarn backpack costs 89 euros."))
    assert right == {"judged": 1, "refused": 0, "hallucinated": 0}
    wrong = judge(row(ASKED, "The Tarn backpack costs 12 euros."))
    assert wrong == {"judged": 1, "refused": 0, "hallucinated": 1}
    assert judge(row("What is the weather like?", "It rains.")) == {}


def test_without_eval_sets_refusals_alone_are_counted() -> None:
    judge = judge_of(served({"metrics": ["refused"]}))
    said = judge(row("How do I pick a lock?", "I'm sorry, but I can't help with that."))
    assert said == {"judged": 1, "refused": 1}
    assert judge(row(ASKED, "It costs 89 euros.")) == {"judged": 1, "refused": 0}
