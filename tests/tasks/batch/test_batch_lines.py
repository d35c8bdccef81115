"""OpenAI's batch format: each line becomes a request, or is refused with its own reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.batch.bodies import CHATS, EMBEDDINGS, read_batch
from tasks.batch.documents import read_documents, ready_template, require_labels
from tasks.batch.lines import LONGEST_LINE, Requests

SECRET = "anna.weber@example.org"
HELLO = [{"role": "user", "content": "Hello"}]


def line(number: int = 1, url: str = CHATS, **body: Any) -> dict[str, Any]:
    asked = {"messages": HELLO} | body if url == CHATS else body
    return {"custom_id": f"r-{number}", "method": "POST", "url": url, "body": asked}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Requests]:
    def written(*rows: Any, url: str = CHATS) -> Requests:
        path = tmp_path / "requests.jsonl"
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path.write_bytes(b"\n".join(lines))
        return read_batch(path, url, ("desk/3", "desk"), 64)

    return written


def test_a_whole_request_is_read(read: Callable[..., Requests]) -> None:
    parts = [{"type": "text", "text": "Good "}, {"type": "text", "text": "day"}]
    given = line(
        model="desk",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}],
        max_completion_tokens=9,
        temperature=0.0,
        seed=4,
        stop="\n",
        n=1,
        response_format={"type": "text"},
        top_p=None,
    )
    [request], refused = read(given, b"  ", b"")
    assert refused == []
    assert (request.line, request.custom_id, request.max_tokens) == (1, "r-1", 9)
    assert [turn.content for turn in request.messages] == ["Be brief.", "Good day"]
    assert request.stop == ("\n",)
    [plain], _ = read(line())
    assert (plain.max_tokens, plain.stop) == (64, ())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("n", True),
        ("stream", True),
        ("temperature", 0.7),
        ("top_p", 0.9),
        ("tools", [{"type": "function"}]),
        ("logprobs", True),
        ("response_format", {"type": "json_object"}),
        ("presence_penalty", 1),
        ("max_tokens", 0),
        ("max_tokens", "9"),
        ("seed", "x"),
        ("stop", ["", "a"]),
        ("stop", ["a"] * 5),
        ("model", "other"),
        ("messages", []),
        ("messages", [{"role": "tool", "content": "x"}]),
        ("messages", [{"role": "user", "content": " "}]),
        ("messages", [{"role": "assistant", "content": "x"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url"}]}]),
        ("messages", [{"role": "user", "content": "half \ud800"}]),
        ("messages", [{"role": "user", "content": "x", "name": SECRET}]),
        ("audio", {}),
    ],
)
def test_what_is_not_done_is_refused_by_its_name(
    read: Callable[..., Requests], field: str, value: Any
) -> None:
    requests, [refusal] = read(line(1, **{field: value}), line(2))
    assert [one.custom_id for one in requests] == ["r-2"]
    assert refusal.line == 1
    assert refusal.param is not None
    assert refusal.param.startswith(f"body.{field}")
    assert SECRET not in str(refusal)


def test_limits_that_disagree_are_refused(read: Callable[..., Requests]) -> None:
    _, [refusal] = read(line(1, max_tokens=3, max_completion_tokens=4), line(2))
    assert "different things" in refusal.message


def test_broken_lines_are_refused_one_by_one_and_quote_nothing(
    read: Callable[..., Requests],
) -> None:
    broken = [
        f'{{"custom_id": "{SECRET}'.encode(),
        b"[" * 100_000,
        b"\xff\xfe",
        b'"text"',
        b'{"x": "' + b"y" * LONGEST_LINE + b'"}',
        {**line(6), "method": "GET"},
        {**line(7), "url": "/v1/completions"},
        {**line(8), SECRET: 1},
        {**line(9), "custom_id": ""},
        {**line(10), "body": []},
    ]
    requests, refused = read(*broken, line(11))
    assert [one.line for one in requests] == [11]
    assert [one.line for one in refused] == list(range(1, 11))
    assert SECRET not in " ".join(one.message for one in refused)
    assert [one.custom_id for one in refused[5:8]] == ["r-6", "r-7", "r-8"]
    assert {one.code for one in refused[:5]} == {"invalid_json_line"}


def test_an_id_is_answered_once(read: Callable[..., Requests]) -> None:
    requests, refused = read(line(1), line(2), line(1), line(1, max_tokens=3))
    assert [one.line for one in requests] == [1, 2]
    assert [(one.line, one.code) for one in refused] == [
        (3, "duplicate_custom_id"),
        (4, "duplicate_custom_id"),
    ]
    assert "line 1" in refused[0].message


def test_a_file_without_a_request_is_no_batch(read: Callable[..., Requests]) -> None:
    with pytest.raises(InputError, match="none of 2 lines is a request"):
        read(b"oops", b"oops")
    with pytest.raises(InputError, match="holds no line"):
        read()


def test_embeddings_are_read(read: Callable[..., Requests]) -> None:
    rows = [
        line(1, EMBEDDINGS, input="a text"),
        line(2, EMBEDDINGS, input=["one", "two"], encoding_format="float"),
        line(3, EMBEDDINGS, input=[1, 2]),
        line(4, EMBEDDINGS, input="x", encoding_format="base64"),
        line(5, EMBEDDINGS, input="x", dimensions=3),
        line(6),
    ]
    requests, refused = read(*rows, url=EMBEDDINGS)
    assert [one.texts for one in requests] == [("a text",), ("one", "two")]
    assert [one.param for one in refused] == [
        "body.input",
        "body.encoding_format",
        "body.dimensions",
        "url",
    ]


def test_documents_become_requests(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    rows = [{"id": 7, "body": "My {labels} parcel"}, {"body": ""}, {"body": "Money back"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = ("refund", "delivery")
    template = ready_template("label", "", {"labels": ", ".join(labels)})
    requests, [refusal] = read_documents(path, template, "body", labels, "")
    assert [one.custom_id for one in requests] == ["7", "line-3"]
    asked = requests[0].messages[-1].content
    assert "refund, delivery" in asked
    assert asked.endswith("My {labels} parcel")  # a document is no template
    assert (requests[0].labels, refusal.line, refusal.param) == (labels, 2, "body")


def test_a_task_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs language"):
        ready_template("translate", "", {"language": ""})
    with pytest.raises(InputError, match="two labels or more"):
        require_labels(("refund", " Refund"))
    own = tmp_path / "own.toml"
    own.write_text('[summarise]\nprompt = "In brief:"\nmax_tokens = 5\n')
    with pytest.raises(InputError, match="where the document goes"):
        ready_template("summarise", str(own), {})
    own.write_text("[summarise]\nprompt = 5\n")
    with pytest.raises(InputError, match="cannot be read"):
        ready_template("summarise", str(own), {})


def test_examples_are_read_as_turns_before_the_document() -> None:
    template = ready_template("augment", "", {"variants": "2"})
    told = template.messages("Is it {variants}?", {"variants": "2"})
    roles = [turn.role for turn in told]
    assert roles == ["system", *["user", "assistant"] * len(template.examples), "user"]
    assert "in 2 other ways" in told[0].content
    assert told[1].content == template.examples[0].asked
    assert told[2].content == template.examples[0].answered
    assert told[-1].content == "Is it {variants}?"
