from __future__ import annotations

import json
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes, read_row
from data_contracts.log_values import Feedback

MINIMAL = {
    "id": "r1",
    "time": "2026-03-01T14:05:00Z",
    "model": "desk",
    "prompt": "What does it cost?",
    "answer": "5 euros.",
}
FULL = {
    "weights": "sha256:0123456789abcdef",
    "tokenizer_digest": "abc",
    "index_version": "2026-02",
    "tenant": "team-7",
    "variant": "canary",
    "input_tokens": 12,
    "completion_tokens": 5.0,
    "truncated": False,
    "ttft_ms": 120,
    "total_seconds": 1.5,
    "stop_reason": "stop",
    "retrieval_hits": ["doc-1", {"document_id": 2, "score": 0.5}],
    "thumbs": "up",
    "training_consent": "granted",
    "response_cost": 0.001,
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "?"}],
}


def _read(**other: Any) -> LogRow:
    row = read_row({**MINIMAL, **other})
    assert isinstance(row, LogRow), row
    return row


def test_the_least_a_row_may_be_is_what_it_was() -> None:
    assert read_row({**MINIMAL, "tenant": None, "consent": None}) == _read()
    assert json.loads(log_bytes([_read()])) == MINIMAL


def test_every_field_is_read_under_the_names_that_servers_write() -> None:
    row = _read(**FULL)
    assert (row.prompt_tokens, row.answer_tokens, row.first_token_seconds) == (12, 5, 0.12)
    assert (row.seconds, row.finish_reason, row.cost, row.consent) == (1.5, "stop", 0.001, True)
    assert [(hit.id, hit.score) for hit in row.hits] == [("doc-1", None), ("2", 0.5)]
    assert row.feedback == Feedback(good=1.0)
    assert [turn.role for turn in row.messages] == ["system", "user"]
    assert read_row(json.loads(log_bytes([row]))) == row


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("prompt_tokens", -1, "prompt_tokens is negative"),
        ("prompt_tokens", 1.5, "prompt_tokens is no whole number"),
        ("prompt_tokens", "12", "prompt_tokens is no number"),
        ("output_tokens", True, "answer_tokens is no number"),
        ("answer_tokens", 10**9, "answer_tokens is too large"),
        ("seconds", float("nan"), "seconds is no number"),
        ("ttft_ms", -5, "first_token_seconds is negative"),
        ("cost", -0.1, "cost is negative"),
        ("truncated", "perhaps", "truncated is neither yes nor no"),
        ("consent", 2, "consent is neither yes nor no"),
        ("variant", "shadow", "variant is none of those known"),
        ("tenant", "ada@example.org", "tenant is no plain name"),
        ("hits", "doc-1", "hits is no list"),
        (
            "hits",
            [{"score": 1}],
            "hits has an entry without an id, or with a score that is no number",
        ),
        (
            "messages",
            [{"role": "tool", "content": "x"}],
            "messages has an entry that is no message of text",
        ),
        ("feedback", {"rating": 4}, "feedback names a rating without its scale"),
        ("feedback", {"rating": 6, "scale": 5}, "feedback names a rating outside its scale"),
        ("feedback", {"value": True, "score": 1}, "feedback says the same thing under two names"),
        ("feedback", {"mood": "blue"}, "feedback has 1 entries that nobody reads"),
        ("thumbs", "sideways", "feedback names a rating that is none"),
    ],
)
def test_a_field_that_is_there_and_wrong_has_its_own_reason(
    field: str, value: Any, reason: str
) -> None:
    assert read_row({**MINIMAL, field: value}) == reason


def test_what_contradicts_itself_is_refused() -> None:
    twice = {"prompt_tokens": 3, "input_tokens": 4}
    assert read_row({**MINIMAL, **twice}) == "prompt_tokens stands there twice, and differs"
    assert _read(prompt_tokens=3, input_tokens=3).prompt_tokens == 3
    late = {"first_token_seconds": 2.0, "seconds": 1.0}
    assert read_row({**MINIMAL, **late}) == "first_token_seconds is above seconds"


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ("thumbs_up", 1.0),
        ("👎", 0.0),
        (True, 1.0),
        (-1, 0.0),
        ({"thumbs": 0}, 0.0),
        ({"score": 0.25}, 0.25),
        ({"rating": 1, "scale": 5}, 0.0),
        ({"rating": 4, "out_of": 5}, 0.75),
        ({"stars": 5}, 1.0),
        ({"key": "user_score", "score": 1, "comment": "fine"}, 1.0),
        ([{"thumbs": "up"}, {"thumbs": "down"}], 0.0),
        ({"comment": "hm"}, None),
    ],
)
def test_feedback_is_read_as_tools_write_it(said: Any, good: float | None) -> None:
    feedback = _read(feedback=said).feedback
    assert feedback is not None
    assert feedback.good == good


def test_a_correction_is_read_from_its_forms() -> None:
    for said in ({"correction": {"output": "6 euros."}}, {"expected_response": "6 euros."}):
        feedback = _read(user_feedback=said).feedback
        assert feedback is not None
        assert feedback.corrected == "6 euros."


@pytest.mark.parametrize(
    ("model", "more", "names"),
    [
        ("desk", {}, False),
        ("desk@champion", {}, False),
        ("desk", {"version": "build 1.2"}, False),
        ("desk/3", {}, True),
        ("models:/desk@v3", {}, True),
        ("desk", {"version": 3}, True),
        ("desk", {"weights": "0123456789ab"}, True),
        ("0123456789ab", {}, True),
    ],
)
def test_a_version_is_a_number_or_a_digest(model: str, more: Any, names: bool) -> None:
    assert _read(model=model, **more).names_version is names


def test_of_two_reasons_the_same_one_is_given_in_every_process() -> None:
    twice = {"seconds": 1, "total_seconds": 2, "total_ms": 3000, "version": "3", "model_version": 4}
    assert read_row({**MINIMAL, **twice}) == "version stands there twice, and differs"
