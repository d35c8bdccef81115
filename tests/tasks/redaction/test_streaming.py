"""JSON lines in, JSON lines without personal data out."""

from __future__ import annotations

import io
import json
import os
import threading
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.redaction import streaming
from tasks.redaction.engine import Redactor, build_redactor
from tasks.redaction.streaming import Totals, redact_stream


@pytest.fixture(scope="module")
def forms() -> Redactor:
    return build_redactor(names=False)


def redact(redactor: Redactor, *lines: Any, spans: bool = False) -> tuple[list[Any], Totals]:
    data = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    totals = Totals()
    done = redact_stream(io.BytesIO(data.encode()), redactor, totals, spans=spans)
    return [json.loads(line) for line in done], totals


def test_every_string_of_a_line_is_redacted_with_one_numbering(forms: Redactor) -> None:
    line = {
        "text": "write to a@example.org",
        "n": 7,
        "meta": {"from": ["c@example.org", "a@example.org"], "ok": True, "card": 4111111111111111},
    }
    done, totals = redact(forms, line)
    assert done == [
        {
            "text": "write to <EMAIL_1>",
            "n": 7,
            "meta": {"from": ["<EMAIL_2>", "<EMAIL_1>"], "ok": True, "card": "<CARD_1>"},
        }
    ]
    assert totals.kinds == {"EMAIL": 3, "CARD": 1}


def test_spans_are_offsets_into_the_text_given(forms: Redactor) -> None:
    text = "héllo 😀 a@example.org, and in pieces a\u200b@example.org"
    ((line,), _) = redact(forms, {"text": text, "more": "x@example.org"}, spans=True)
    values = [text[one["start"] : one["end"]] for one in line["spans"]]
    assert values[0] == "a@example.org"
    assert values[1].replace("\u200b", "") == "a@example.org"
    assert {one["kind"] for one in line["spans"]} == {"EMAIL"}
    assert all(one["detector"] and 0 <= one["score"] <= 1 for one in line["spans"])


def test_a_broken_line_is_answered_in_its_place_and_quoted_nowhere(forms: Redactor) -> None:
    broken = ["not JSON a@example.org", "[1]", {"text": 5}, "[" * 100_000]
    nested = ['{"text": "a@example.org", "x": ' + "[" * n + "]" * n + "}" for n in (100, 950)]
    done, totals = redact(forms, {"text": "one"}, *broken, *nested, "", {"text": "two"})
    assert [sorted(one) for one in done] == [["text"], *[["error"]] * 6, ["text"]]
    assert "example" not in json.dumps(done)
    assert (totals.lines, totals.broken) == (8, 6)
    (just,), _ = redact(forms, '{"text": "a@example.org", "x": ' + "[" * 99 + "]" * 99 + "}")
    assert just["text"] == "<EMAIL_1>"


def test_half_a_character_is_written_as_it_was_read(forms: Redactor) -> None:
    line = '{"text": "x\\ud800 a@example.org", "\\udfff": "\\ude00 y"}'
    answers = list(redact_stream(io.BytesIO(line.encode()), forms, Totals()))
    assert [answer.encode() and json.loads(answer) for answer in answers] == [
        {"text": "x\ud800 <EMAIL_1>", "\udfff": "\ude00 y"}
    ]


def test_an_answer_comes_before_the_next_question(forms: Redactor) -> None:
    """As a program needs that talks to it through a pipe."""
    read, write = os.pipe()
    got: list[str] = []
    answers = redact_stream(os.fdopen(read, "rb"), forms, Totals())
    with os.fdopen(write, "wb", buffering=0) as questions:
        for number in range(3):
            questions.write(f'{{"text": "{number} a@example.org"}}\n'.encode())
            # A thread, so that an answer that does not come fails the test and hangs nothing.
            thread = threading.Thread(target=lambda: got.append(next(answers)), daemon=True)
            thread.start()
            thread.join(timeout=30)
            assert json.loads(got[number]) == {"text": f"{number} <EMAIL_1>"}


def test_a_line_without_end_is_refused(forms: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LONGEST_LINE", 3_000_000)
    with pytest.raises(InputError, match="a line is longer"):
        list(redact_stream(io.BytesIO(b"x" * 5_000_000), forms, Totals()))


def test_a_policy_to_drop_drops_the_line() -> None:
    redactor = build_redactor(names=False, policies={"EMAIL": "drop"})
    done, totals = redact(redactor, {"text": "a@example.org"}, {"text": "nothing"})
    assert done == [{"dropped": "EMAIL"}, {"text": "nothing"}]
    assert totals.dropped == 1
