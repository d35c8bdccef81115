"""`paddock serve` as its users meet it: asked, killed in parts, given another champion, ended."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_contracts.inference_log import LogRow
from flows.asking.cost_parameters import CostParameters
from flows.command.costing import tell
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.serving.token_caps import used_on
from tests.flows.serving.conftest import NAME, Desk, Served, children_of, kill, lives
from tests.waiting import free_port

pytestmark = pytest.mark.timeout(300)
MAIL = "larkspur.ferris@example.org"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("desk") / "home")
    assert desk.release("a") == 1
    return desk


@pytest.fixture(scope="module")
def served(
    desk: Desk, serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory
) -> Served:
    """What most tests ask: two engines, a price, a log of forms. It can verify and not sign."""
    keys = tmp_path_factory.mktemp("public")
    shutil.copyfile(desk.keys.public, keys / desk.keys.public.name)
    return serve(
        desk.home,
        "[log]\nnames = false\n[prices]\nhour = 3.6\n[engine]\nslots = 2\nreplicas = 2\n"
        "[tenants.acme]\ntokens_per_day = 5\n",
        PADDOCK_KEYS=str(keys),
    ).ready()


def rows(home: Path) -> list[LogRow]:
    """Return what the inference log in the store holds."""
    files = sorted((home / "store" / "inference" / NAME).glob("*.jsonl"))
    return [LogRow.model_validate_json(line) for f in files for line in f.read_text().splitlines()]


def engines(served: Served) -> dict[int, int]:
    """Return the process of each engine, by its port."""
    found: dict[int, int] = {}
    for pid in children_of(served.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "tasks.serving.llama_cpp" in words:
            found[int(words[words.index("--port") + 1])] = pid
    return found


def test_it_answers_as_it_says_it_does_and_keeps_what_was_asked_redacted(
    desk: Desk, served: Served
) -> None:
    line = served.wait(lambda: [x for x in served.said().splitlines() if "curl" in x])[0]
    told = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["model"] == f"{NAME}/1"
    whole = served.ask(f"I am at {MAIL}, what now?", headers={"x-tenant": "acme", "x-user": "u1"})
    assert whole.status_code == 200
    used = whole.json()["usage"]["total_tokens"]  # more than its cap: it was the one above it
    served.wait(lambda: used_on(served.places.tokens, datetime.now(UTC)) == {"acme": (used, 0)})
    late = served.ask("And now?", headers={"x-tenant": "acme"})
    assert (late.status_code, late.json()["error"]["code"]) == (429, 429)
    assert "acme has used its 5 tokens of today" in late.json()["error"]["message"]
    asked_cost = CostParameters(name=NAME, file=str(desk.home / "serving.toml"))
    cost = tell(Workshop(Settings(home=desk.home)), asked_cost)
    assert f"acme has used {used} of its 5 tokens of today" in cost
    asked = {"messages": [{"role": "user", "content": "Say it slowly"}], "max_tokens": 6}
    with httpx.stream(
        "POST", f"{served.url}/v1/chat/completions", json={**asked, "stream": True}
    ) as stream:
        pieces = [x for x in stream.iter_lines() if x.startswith("data: {")]
    assert len(pieces) > 2
    assert served.ask("Twice, please", n=2).status_code == 400
    assert served.ask("", messages="none").status_code == 400
    other = httpx.get(f"{served.url}/props")
    assert (other.status_code, other.json()["error"]["type"]) == (404, "gateway")
    asked_for = {"How do I return a product?", "I am at <EMAIL_1>, what now?", "Say it slowly"}
    served.wait(lambda: len(rows(desk.home)) == 3)
    kept = {row.prompt: row for row in rows(desk.home)}
    assert set(kept) == asked_for
    row = kept["I am at <EMAIL_1>, what now?"]
    body = whole.json()
    assert (row.model, row.variant, row.tenant) == (f"{NAME}/1", "champion", "acme")
    assert row.weights == desk.registry.ledger.rows(NAME)[-1].digest
    assert row.answer == body["choices"][0]["message"]["content"]
    assert row.prompt_tokens == body["usage"]["prompt_tokens"]
    assert row.answer_tokens == body["usage"]["completion_tokens"] == 8
    assert row.finish_reason == "length"
    assert row.seconds
    assert row.first_token_seconds is None
    assert row.cost == pytest.approx(row.seconds * 0.001 / 2)  # an hour's 3.6, of two slots
    assert row.time.timestamp() == pytest.approx(time.time(), abs=300)
    slow = kept["Say it slowly"]
    assert slow.first_token_seconds
    assert slow.seconds
    assert slow.first_token_seconds <= slow.seconds
    assert slow.answer_tokens == 6
    assert slow.prompt_tokens
    counts = json.loads((served.places.folder / "log.json").read_text())
    assert counts == {"rows": 3, "refused with 400": 2, "refused with 429": 1}
    # Nothing that was asked lies anywhere raw.
    files = [p for top in (desk.home, served.places.run) for p in top.rglob("*") if p.is_file()]
    assert not [path for path in files if _holds(path, MAIL)]
    assert not list(served.places.taps.iterdir())


def _holds(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_of_two_engines_one_may_be_lost_and_nobody_notices(number: int, served: Served) -> None:
    before = engines(served)
    assert len(before) == 2
    codes: list[int] = []

    def ask(question: int) -> None:
        codes.append(served.ask(f"Question {question}", max_tokens=4).status_code)

    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(ask, question) for question in range(400)]
        served.wait(lambda: len(codes) > 50)
        os.kill(next(iter(before.values())), number)
        for one in asked:
            one.result()
    failed = sum(code != 200 for code in codes)
    assert failed <= 4, codes  # of 400
    served.wait(lambda: set(engines(served)) == set(before) and engines(served) != before)


@pytest.mark.parametrize("word", ["envoy.json", "log_writer"])
def test_a_part_that_dies_is_started_again_and_no_row_is_lost(
    word: str, desk: Desk, served: Served
) -> None:
    def part() -> int:
        for pid in children_of(served.process.pid):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " "):
                return pid
        return 0

    texts = {f"Before {word} died", f"After {word} died"}
    assert served.ask(f"Before {word} died").status_code == 200
    pid = part()
    kill(pid)
    served.wait(lambda: part() not in (0, pid))
    served.wait(lambda: served.ask(f"After {word} died").status_code == 200)
    served.wait(lambda: texts <= {row.prompt for row in rows(desk.home)})


def test_one_home_serves_a_model_once_and_a_port_is_looked_at(
    desk: Desk, served: Served, paddock: Callable[..., Any]
) -> None:
    ended = paddock(desk.home, "serve", "--name", NAME, "--port", str(free_port()))
    assert ended.returncode == 2
    assert f"process {served.process.pid}, at {served.url}/v1" in ended.stderr
    taken = paddock(desk.home, "serve", "--name", NAME, "--port", str(served.port))
    assert taken.returncode == 2
    assert f"port {served.port} is taken" in taken.stderr


def test_another_champion_takes_over_without_a_failed_request_and_none_ends_it(
    desk: Desk, served: Served
) -> None:
    answered: list[str] = []

    def ask() -> str:
        reply = served.ask("Who are you?", max_tokens=4)
        assert reply.status_code == 200, reply.text
        answered.append(reply.json()["model"])
        return answered[-1]

    assert ask() == f"{NAME}/1"
    assert desk.release("b") == 2
    served.wait(lambda: ask() == f"{NAME}/2", 90)
    assert answered == sorted(answered)  # never back and forth
    assert json.loads(served.places.state.read_text())["version"] == 2
    served.wait(lambda: f"{NAME}/2 serves now, in place of {NAME}/1" in served.said())
    desk.retire()
    served.wait(lambda: served.ask("Still there?").status_code == 503)
    assert httpx.get(f"{served.url}/health").status_code == 503
    parts = children_of(served.process.pid)
    assert served.end() == 0
    assert not [pid for pid in parts if lives(pid)]
    assert not served.places.state.exists()


def test_killed_it_leaves_nothing_running_and_the_next_works_off_what_was_left(
    make_desk: Callable[[Path], Desk], tmp_path: Path, serve: Callable[..., Served]
) -> None:
    desk = make_desk(tmp_path / "home")
    desk.release("a")
    first = serve(desk.home, "[log]\nnames = false\n").ready()
    parts = children_of(first.process.pid)
    assert len(parts) >= 5  # the guard, the keeper, an engine, the gateway, the writer
    for pid in parts:
        if b"log_writer" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSTOP)
    first.ask(f"Write to {MAIL}")
    first.end(signal.SIGKILL)
    end = time.monotonic() + 40
    while [pid for pid in parts if lives(pid)]:
        assert time.monotonic() < end
        time.sleep(0.2)
    again = serve(desk.home, "[log]\nnames = false\n").ready()
    again.wait(lambda: any(row.prompt == "Write to <EMAIL_1>" for row in rows(desk.home)))
    assert again.end() == 0
    assert not list(again.places.taps.iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1", ["colour", "Extra inputs"]),
        ("[engine]\nslots = 0", ["engine.slots"]),
        ('[engine]\nkind = "vllm"', ["kind vllm needs a command"]),
        ('[engine]\nkind = "vllm"\ncommand = "serve {model}"', ["names no {port} and no {name}"]),
        ("[tenants.'a b']\nrequests_per_minute = 1", ["tenants"]),
        ("name = ", ["no TOML"]),
        ("[canary]\nphases = []", ["the canary's policy", "phases"]),
    ],
)
def test_a_specification_that_is_wrong_is_refused_before_anything_starts(
    text: str, words: list[str], tmp_path: Path, paddock: Callable[..., Any]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    ended = paddock(tmp_path / "home", "serve", "--file", str(file))
    assert ended.returncode == 2
    for word in [*words, str(file), "to do: "]:
        assert word in ended.stderr


def test_a_command_serves_the_folder_as_it_was_released(
    make_desk: Callable[[Path], Desk], tmp_path: Path, serve: Callable[..., Served]
) -> None:
    desk = make_desk(tmp_path / "home")
    desk.release("a")
    command = f"{sys.executable} -m tests.tasks.serving.stub_engine {{model}} {{port}} {{name}}"
    engine = f'[engine]\nkind = "vllm"\ncommand = "{command}"\n'
    served = serve(desk.home, f"[log]\nkeep = false\n{engine}").ready()
    said = served.ask("Who is it?").json()
    assert (said["model"], said["choices"][0]["message"]["content"]) == (f"{NAME}/1", "Yes.")
    assert served.end() == 0


def test_without_a_champion_it_says_how_to_get_one(
    make_desk: Callable[[Path], Desk], tmp_path: Path, paddock: Callable[..., Any]
) -> None:
    make_desk(tmp_path / "home")
    ended = paddock(tmp_path / "home", "serve", "--name", NAME, "--port", str(free_port()))
    assert ended.returncode == 1
    assert "no release made it one that serves" in ended.stderr
    assert "paddock promote" in ended.stderr
