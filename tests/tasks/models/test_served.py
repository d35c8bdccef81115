"""Answers of a server that speaks vLLM's protocol: as our own decoder's, or a clear error."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from data_contracts.errors import InputError, PaddockError
from tasks.models.adapters import Adapter
from tasks.models.decoding import decoder
from tasks.models.loading import load_model, load_outline
from tasks.models.prompts import Prompt, end_tokens
from tasks.models.respondents import answer_prompts, respondent
from tasks.models.serving import client
from tasks.models.serving.server import Serving

SERVER = Path(__file__).with_name("completions_server.py")
WORDS = "{model} {port} {name}"
NAME = "d" * 64


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return the folder in which the server notes what it saw."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def serving(notes: Path) -> Callable[..., Serving]:
    def make(fault: str = "", seconds: float = 60) -> Serving:
        command = f"{sys.executable} {SERVER} {WORDS} '{fault}'"
        return Serving.of(command, seconds, {**os.environ, "NOTES": str(notes)})

    return make


def prompts(count: int = 7) -> list[Prompt]:
    return [Prompt("trial", f"{n}", [5 + n, 77, 200 - n, 9 + 3 * n], 6 + n) for n in range(count)]


def ask(model: Path, serving: Serving, log: Path, asked: list[Prompt]) -> str:
    with respondent(model, serving=serving, name=NAME, log=log) as one:
        return one.answer(asked, lambda done, total: None)


def failure(model: Path, serving: Serving, log: Path, count: int = 7) -> PaddockError:
    with pytest.raises(PaddockError) as error:
        ask(model, serving, log, prompts(count))
    assert str(log) in error.value.where
    return error.value


def pids(notes: Path) -> list[int]:
    return [int(line) for line in (notes / "starts").read_text().split()]


def gone(pid: int, seconds: float = 5) -> bool:
    """Tell whether a process has ended, be it that nobody took notice of its end yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_answers_are_those_of_our_own_decoder(
    tiny_model: Path, tmp_path: Path, serving: Callable[..., Serving]
) -> None:
    own, served = prompts(40), prompts(40)
    model, tokenizer = load_model(tiny_model)
    answer_prompts(model, tokenizer, own, batch_size=8)
    seen: list[tuple[int, int | None]] = []
    with respondent(tiny_model, serving=serving(), name=NAME, log=tmp_path / "log") as one:
        engine = one.answer(served, lambda done, total: seen.append((done, total)))
    assert [(p.answer, p.truncated) for p in served] == [(p.answer, p.truncated) for p in own]
    assert {p.truncated for p in own} == {True, False}
    expected = [pytest.approx(p.log_probability, abs=1e-3) for p in own]
    assert [p.log_probability for p in served] == expected
    assert engine == "served by tests 1.2.3"
    assert [entry for entry in seen if entry[0]] == [(n, 40) for n in range(1, 41)]


@pytest.mark.parametrize("way", ["loaded", "library", "served"])
def test_the_token_that_closes_a_turn_in_the_template_ends_an_answer(
    tiny_model: Path,
    tmp_path: Path,
    serving: Callable[..., Serving],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "other-end")
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text())
        other = {"eos_token": "<|im_start|>", "eos_token_id": 0}  # the template's is <|im_end|>
        settings |= {key: other[key] for key in settings.keys() & other.keys()}
        (folder / name).write_text(json.dumps(settings))
    if way == "library":
        monkeypatch.setattr(decoder, "obstacle", Mock(return_value="a trial"))
    own, found = prompts(40), prompts(40)
    answer_prompts(*load_model(tiny_model), own, batch_size=8)
    started = serving() if way == "served" else None
    with respondent(folder, serving=started, name=NAME, log=tmp_path / "log") as one:
        one.answer(found, lambda done, total: None)
    ended = [(p.answer, q.answer) for p, q in zip(own, found, strict=True) if not p.truncated]
    assert ended and all(theirs in (ours, ours[: len(theirs)]) for ours, theirs in ended)
    assert not any(q.truncated for p, q in zip(own, found, strict=True) if not p.truncated)
    assert one.made_by["turn_ends"] == ["<|im_end|>"]


def test_an_outline_tells_what_the_loaded_model_does(tiny_model: Path) -> None:
    model, tokenizer = load_model(tiny_model)
    outline, _ = load_outline(tiny_model)
    assert end_tokens(outline, tokenizer) == end_tokens(model, tokenizer)
    assert outline.config.max_position_embeddings == model.config.max_position_embeddings


@pytest.mark.parametrize(
    ("fault", "what", "remedy"),
    [
        ("dies", "ended with exit code 3 before", "PADDOCK_SERVE_COMMAND"),
        ("never", "was not ready in 1 s", "PADDOCK_SERVE_START_SECONDS"),
        ("another name", "serves another model", "--served-model-name {name}"),
        ("another key", "does not take its key", "another key"),
        ("refuses", "HTTP 400", "read its log"),
        ("redirects", "HTTP 307", "read its log"),
        ("text", "returns no token ids", "0.10.2"),
        ("another form", "in another form", "0.10.2"),
        ("liar", "as another model", "PADDOCK_SERVE_COMMAND"),
        ("short", "at 1 tokens where", "--generation-config vllm"),
    ],
)
def test_what_a_server_does_wrong_is_said_and_it_is_ended(
    tiny_model: Path,
    tmp_path: Path,
    notes: Path,
    serving: Callable[..., Serving],
    caplog: pytest.LogCaptureFixture,
    fault: str,
    what: str,
    remedy: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    seconds, log = 1 if fault == "never" else 60, tmp_path / "log"
    error = failure(tiny_model, serving(fault, seconds), log)
    assert what in error.what and remedy in error.remedy and error.step == "evaluate"
    assert all(gone(pid) for pid in pids(notes))
    assert log.stat().st_mode & 0o777 == 0o600
    # Neither the key nor what was asked is in what people, or a log, get to see.
    told = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    key = (notes / "key").read_text().strip()
    assert len(key) > 30 and key not in told + log.read_text()
    assert str(prompts()[0].ids)[1:-1] not in told
    # What is asked once and refused is not asked again.
    if (notes / "questions").exists():
        questions = (notes / "questions").read_text().splitlines()
        assert len(questions) == len(set(questions))


def test_a_busy_server_is_asked_again_and_a_hopeless_one_not_for_ever(
    tiny_model: Path,
    tmp_path: Path,
    notes: Path,
    serving: Callable[..., Serving],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "WAITS", (0.01, 0.02))
    asked = prompts()
    ask(tiny_model, serving("busy"), tmp_path / "log", asked)
    assert {(*p.answer, p.truncated) for p in asked} == {(40, 41, 42, False)}
    assert len((notes / "questions").read_text().splitlines()) == 3 * len(asked)
    monkeypatch.setattr(client, "WAITS", (0.01,))
    assert "HTTP 503" in failure(tiny_model, serving("busy"), tmp_path / "log").what


def test_a_server_that_dies_half_way_ends_the_asking(
    tiny_model: Path, tmp_path: Path, notes: Path, serving: Callable[..., Serving]
) -> None:
    began = time.monotonic()
    error = failure(tiny_model, serving("half"), tmp_path / "log", count=200)
    assert error.what.endswith("it ended with exit code 7") and "run again" in error.remedy
    assert time.monotonic() - began < 20
    assert all(gone(pid) for pid in pids(notes))


@pytest.mark.parametrize("how", [KeyboardInterrupt, ValueError, None])
def test_whatever_ends_the_asking_ends_the_server_and_its_children(
    tiny_model: Path,
    tmp_path: Path,
    notes: Path,
    serving: Callable[..., Serving],
    how: type[BaseException] | None,
) -> None:
    def stop(done: int, total: int | None) -> None:
        if how and done == 2:
            raise how

    @contextmanager
    def expected() -> Generator[None]:
        if how is None:
            yield
        else:
            with pytest.raises(how):
                yield

    with (
        expected(),
        respondent(tiny_model, serving=serving("stubborn"), name=NAME, log=tmp_path / "log") as one,
    ):
        one.answer(prompts(), stop)
        assert not gone(pids(notes)[1], 0.1)
    server, child = pids(notes)
    assert gone(server) and gone(child)


def test_a_server_ends_with_whoever_asked_even_if_that_was_killed(
    tiny_model: Path, tmp_path: Path, notes: Path, serving: Callable[..., Serving]
) -> None:
    script = f"""
import os, sys, time
from pathlib import Path
from tasks.models.serving.server import Serving, running
serving = Serving({serving("stubborn").words!r}, 60, dict(os.environ))
with running(serving, Path({str(tiny_model)!r}), "n", Path({str(tmp_path / "log")!r}), int):
    print("ready", flush=True)
    time.sleep(60)
"""
    environment = {**os.environ, "NOTES": str(notes), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as asker:
        assert asker.stdout and asker.stdout.readline() == "ready\n"
        server, child = pids(notes)
        assert not gone(server, 0.1)
        asker.send_signal(signal.SIGKILL)
    assert gone(server) and gone(child)


def test_no_proxy_sees_a_question(
    tiny_model: Path,
    tmp_path: Path,
    serving: Callable[..., Serving],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    asked = prompts()
    ask(tiny_model, serving("canned"), tmp_path / "log", asked)
    assert all(p.answer == [40, 41, 42] for p in asked)
    # This one tells no log-probabilities, which then are not known.
    assert all(p.log_probability is None for p in asked)


def test_an_adapter_is_not_served(tiny_model: Path, serving: Callable[..., Serving]) -> None:
    with (
        pytest.raises(InputError, match="PADDOCK_SERVE_COMMAND"),
        respondent(tiny_model, serving=serving(), adapter=Adapter({}, "digest")),
    ):
        pass
