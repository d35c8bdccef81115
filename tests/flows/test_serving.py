"""One setting says what serves models; what a server answered is an output of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.records import Message
from eval_sets.loading import load_eval_set
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import Settings, serving_environment
from tasks.evaluation.steps import Evaluated, answers_step, answers_work
from tasks.models.serving.server import EXAMPLE, Serving
from tasks.storage.objects import open_store
from tasks.storage.outputs import Outputs, Reference
from tasks.teaching.answers import Question, answer
from tasks.teaching.steps import teaching_work

SERVER = Path(__file__).parents[1] / "tasks" / "models" / "completions_server.py"
NAME = "d" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return the folder in which the server notes what it saw."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def canned(notes: Path) -> Serving:
    """Return a server that says the same to everything."""
    command = f"{sys.executable} {SERVER} {{model}} {{port}} {{name}} canned"
    return Serving.of(command, 60, {**os.environ, "NOTES": str(notes)})


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("sh {model} {port}", "it has no {name}"),
        ("sh {model} {port} {name} {gpu}", "{gpu}"),
        ("sh {model} {port} '{name}", "quotes"),
        ("sh {model} {port} {name} --api-key=x", "secret"),
        ("no-such-program {model} {port} {name}", "no-such-program"),
    ],
)
def test_a_command_that_cannot_serve_is_refused(command: str, what: str) -> None:
    with pytest.raises(InputError) as error:
        Serving.of(command, 1, {"PATH": os.environ["PATH"]})
    assert what in error.value.what and error.value.where == "PADDOCK_SERVE_COMMAND"


def test_what_is_put_in_is_one_word_and_is_not_read_again() -> None:
    command = """sh -x {model} --port={port} --name "{name}" --more '{"a": {"b": 1}}'"""
    found = Serving.of(command, 1, {"PATH": os.environ["PATH"]})
    assert found.filled(model="/a b/{port};$(id)", port="80", name="n") == [
        *("sh", "-x", "/a b/{port};$(id)", "--port=80", "--name", "n"),
        *("--more", '{"a": {"b": 1}}'),
    ]


def test_the_setting_reaches_the_flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("PADDOCK_REDACTION_KEY", "s")
    assert "AWS_SECRET_ACCESS_KEY" not in serving_environment()
    assert "PADDOCK_REDACTION_KEY" not in serving_environment()
    assert serving_environment()["PATH"] == os.environ["PATH"]
    assert Workshop(Settings(home=tmp_path)).serving is None
    command = EXAMPLE.replace("vllm", sys.executable, 1)
    found = Workshop(Settings(home=tmp_path, serve_command=command, serve_start_seconds=9)).serving
    assert found and found.identity == command.split() and found.start_seconds == 9
    with pytest.raises(InputError, match="PADDOCK_SERVE_COMMAND"):
        _ = Workshop(Settings(home=tmp_path, serve_command="vllm serve")).serving


def test_answers_of_a_server_are_an_output_of_their_own(
    tiny_model: Path,
    tmp_path: Path,
    notes: Path,
    canned: Serving,
) -> None:
    @contextmanager
    def folder() -> Generator[Path]:
        yield tiny_model

    outputs = Outputs(open_store(str(tmp_path / "store")), tmp_path / "work")
    model = Evaluated(NAME, folder)
    sets = [load_eval_set("safety")]

    def build() -> Any:
        return answers_step.fn(outputs, model, sets, seed=0, serving=canned, progress=_ignore)

    first, again = build(), build()
    assert (first.reused, again.reused) == (False, True)
    assert again.reference == first.reference and len((notes / "starts").read_text().split()) == 1
    manifest = outputs.manifest(first.reference)
    assert set(manifest.files) == {"answers.parquet", "answers.json"}
    assert manifest.parameters == {"seed": 0, "served_by": canned.identity}
    key = (notes / "key").read_text().strip()
    assert all(key.encode() not in p.read_bytes() for p in tmp_path.rglob("*/answers/*/*"))
    own = answers_work(NAME, sets, 0).parameters
    assert set(own) == {"seed", "device", "dtype"}


def test_a_served_teacher_is_started_once_and_only_if_it_is_asked(
    tiny_model: Path,
    tmp_path: Path,
    notes: Path,
    canned: Serving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.teaching.answers.PART", 2)
    asked = ["Hi", "What does the tent cost?", "Why?", "And the stove?", "Thanks"]
    turns = [(Message(role="user", content=text),) for text in asked]
    questions = [Question({"id": str(n)}, turn) for n, turn in enumerate(turns)]

    def answers() -> list[str]:
        kept = tmp_path / ".answers"
        return answer(tiny_model, questions, kept, 8, _ignore, serving=canned, name=NAME)

    first = answers()
    assert len(set(first)) == 1 and first[0] and len(first) == 5
    assert answers() == first and len((notes / "starts").read_text().split()) == 1
    reference = Reference(stage="base", key="k", digest="0")
    redactor = RedactorRecipe(False, "", ())
    own = teaching_work(reference, reference, 8, redactor, None).parameters
    served = teaching_work(reference, reference, 8, redactor, canned).parameters
    assert set(own) ^ set(served) == {"device", "dtype", "served_by"}


def _ignore(*_: Any) -> None: ...
