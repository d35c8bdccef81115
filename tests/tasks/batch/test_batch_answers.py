"""A batch's answers: killed and gone on, cut at stops, redacted, each request once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import IntegrityError
from data_contracts.records import Message
from tasks.batch.bodies import CHATS
from tasks.batch.chats import Chats
from tasks.batch.engine import Answer, Size
from tasks.batch.lines import Refusal, Request, Requests
from tasks.batch.results import write_results
from tasks.batch.vectors import Vectors
from tasks.models.encoding import Encoder
from tests.tasks.batch.answering import SHARD, answer_file, chats_of

CHECKOUT = Path(__file__).resolve().parents[3]
COUNT = 18
MAIL, PERSON = "anna.weber@example.org", "Anna Weber"


@pytest.fixture(scope="module")
def chats(tiny_model: Path) -> Iterator[Chats]:
    with chats_of(tiny_model) as found:
        yield found


def request(content: str, number: int = 1, **more: Any) -> Request:
    turns = (Message(role="user", content=content),)
    given = {"line": number, "custom_id": f"r-{number}", "messages": turns, "max_tokens": 12}
    return Request.model_validate(given | more)


def write_requests(path: Path, contents: list[str]) -> Path:
    rows = [
        {
            "custom_id": f"r-{number}",
            "method": "POST",
            "url": CHATS,
            "body": {"messages": [{"role": "user", "content": text}], "max_tokens": 5 + number % 7},
        }
        for number, text in enumerate(contents)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_a_killed_batch_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, tiny_model: Path, chats: Chats
) -> None:
    contents = [f"What does tent {n} cost? " * (1 + n % 3) for n in range(COUNT)]
    requests = write_requests(tmp_path / "requests.jsonl", contents)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    command = [sys.executable, "-m", "tests.tasks.batch.answering"]
    with subprocess.Popen(
        [*command, *map(str, (tiny_model, requests, killed, 60))],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "answered\n"  # and not yet stored
        os.killpg(process.pid, signal.SIGKILL)
    assert not (killed / "out.jsonl").exists()
    said: list[str] = []
    part = write_requests(tmp_path / "part.jsonl", contents[: 2 * SHARD])
    answer_file(chats, part, killed, said=said.append)
    assert said == ["answered", "stored"] * 2  # what was not stored is made again
    said.clear()
    written = answer_file(chats, requests, killed, said=said.append)  # the file has grown
    assert said == ["found"] * 2 + ["answered", "stored"] * 3
    assert (written.answered, written.refused) == (COUNT, 0)
    answer_file(chats, requests, whole)
    assert (killed / "out.jsonl").read_bytes() == (whole / "out.jsonl").read_bytes()
    rows = rows_of(whole / "out.jsonl")
    assert [row["custom_id"] for row in rows] == [f"r-{n}" for n in range(COUNT)]
    assert len({row["id"] for row in rows}) == COUNT
    assert len({row["response"]["body"]["choices"][0]["message"]["content"] for row in rows}) > 9


def test_the_lines_are_those_of_openai(tmp_path: Path, chats: Chats) -> None:
    path = write_requests(tmp_path / "requests.jsonl", ["Hi", "word " * 300, "Hi"])
    with path.open("a") as file:
        file.write("oops\n")
    written = answer_file(chats, path, tmp_path)
    assert (written.answered, written.refused) == (2, 2)
    first = rows_of(tmp_path / "out.jsonl")[0]
    assert set(first) == {"id", "custom_id", "response", "error"} and first["error"] is None
    assert (first["custom_id"], first["response"]["status_code"]) == ("r-0", 200)
    body = first["response"]["body"]
    assert body["object"] == "chat.completion" and body["model"] == "tiny"
    [choice] = body["choices"]
    assert choice["message"]["role"] == "assistant"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert (choice["finish_reason"] == "length") == (usage["completion_tokens"] == 5)
    long, broken = rows_of(tmp_path / "errors.jsonl")
    assert (long["custom_id"], long["response"]) == ("r-1", None)
    assert (long["error"]["code"], long["error"]["line"]) == ("context_length_exceeded", 2)
    assert (broken["custom_id"], broken["error"]["code"]) == (None, "invalid_json_line")


def test_an_answer_ends_before_a_stop_and_counts_what_was_said(chats: Chats) -> None:
    [whole] = chats.answer([request("What does the tent cost?")], None, lambda _: None)
    stop = whole.text[3:5]
    assert stop.strip() and whole.completion_tokens > 3
    [cut] = chats.answer([request("What does the tent cost?", stop=(stop,))], None, lambda _: None)
    assert cut.text == whole.text[: whole.text.index(stop)].strip()
    assert cut.finish == "stop"
    assert 0 < cut.completion_tokens < whole.completion_tokens


def test_a_label_is_one_of_those_given_or_there_is_none(chats: Chats) -> None:
    [said] = chats.answer([request("Hi")], None, lambda _: None)
    labels = ("other", f" {said.text.upper()}. ")
    [found, none] = chats.answer(
        [request("Hi", labels=labels), request("Hi", labels=("a", "b"))], None, lambda _: None
    )
    assert (found.text, found.refused) == (labels[1], None)
    assert none.text == "" and none.refused == ("no_label", none.refused and none.refused[1])


def test_what_is_kept_and_written_holds_no_personal_data(
    tmp_path: Path, chats: Chats, redactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parrot(tokens: list[int]) -> str:
        return f"Write to {PERSON} at {MAIL}."

    monkeypatch.setattr(chats, "_text", parrot)
    contents = [f"My name is {PERSON}, my mail is {MAIL}.", "Wie heißt du, und wo wohnst du denn?"]
    path = write_requests(tmp_path / "requests.jsonl", contents)
    answer_file(chats, path, tmp_path / "home", redactor)
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert MAIL not in (text := file.read_text()) and "Weber" not in text, file
    [row] = rows_of(tmp_path / "home" / "out.jsonl")
    said = row["response"]["body"]["choices"][0]["message"]["content"]
    assert said == "Write to <PERSON_1> at <EMAIL_1>."
    [error] = rows_of(tmp_path / "home" / "errors.jsonl")
    assert (error["custom_id"], error["error"]["code"]) == ("r-1", "withheld")
    answer_file(chats, path, tmp_path / "open")  # asked for in so many words
    assert MAIL in (tmp_path / "open" / "out.jsonl").read_text()


def test_a_request_is_never_lost_or_answered_twice(tmp_path: Path) -> None:
    batch = Requests([request("Hi", 1)], [Refusal(2, None, "invalid_json_line", "no JSON")])
    out, errors = tmp_path / "out", tmp_path / "errors"
    with pytest.raises(IntegrityError):
        write_results(batch, {}, "tiny", out, errors)  # neither answered nor said why
    assert not out.exists() and not errors.exists()
    written = write_results(batch, {}, "tiny", out, errors, not_reached="stopped")
    assert (written.answered, written.refused) == (0, 2)
    assert [row["error"]["code"] for row in rows_of(errors)] == [
        "batch_stopped",
        "invalid_json_line",
    ]
    doubled = Requests([request("Hi", 1)], [Refusal(1, "r-1", "duplicate_custom_id", "again")])
    with pytest.raises(IntegrityError):
        write_results(doubled, {}, "tiny", out, errors, not_reached="stopped")


def test_texts_are_encoded_redacted_as_an_index_encodes_them(redactor: Any) -> None:
    encoder = Encoder()
    vectors = Vectors(encoder)
    texts = ("The tent costs 89 euros.", f"Write to {MAIL}.")
    asked = [
        Request(line=1, custom_id="a", texts=texts),
        Request(line=2, custom_id="b", texts=("tent " * 900,)),
    ]
    size, refusal = vectors.measure(asked)
    assert isinstance(size, Size) and size.prompt > 10
    assert isinstance(refusal, Refusal) and refusal.code == "context_length_exceeded"
    [found] = vectors.answer(asked[:1], redactor, lambda _: None)
    assert found.asked == (texts[0], "Write to <EMAIL_1>.")
    expected = encoder.encode(found.asked)
    assert (expected == expected.dtype.type(found.vectors)).all()
    [again] = [Answer.model_validate_json(found.model_dump_json())]
    assert again == found
