"""`paddock chaos` beside `paddock serve`: what users get, what is said of it, and that it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from flows.serving.chaos import Chaos
from flows.serving.places import put
from tests.flows.serving.conftest import NAME, Desk, Served
from tests.flows.serving.test_canary_live import STUB, Crowd

pytestmark = pytest.mark.timeout(300)
POLICY = "[canary]\nmetrics = ['errors', 'latency']\n"
SLO = "[slo.objectives.success]\ntarget = 0.9\n[slo.objectives.latency]\ntarget = 0.9\n"


@pytest.fixture(scope="module")
def hit(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("chaos") / "home")
    desk.release("a")
    desk.approve("b")
    return desk


@pytest.fixture(scope="module")
def target(hit: Desk, serve: Callable[..., Served]) -> Served:
    """Two small engines behind a gateway, of which one ends as for want of memory, once."""
    manner = hit.home / "manner.json"
    put(manner, {"dies": str(hit.home / "died")})
    engine = f'[engine]\nreplicas = 2\nkind = "vllm"\ncommand = "{STUB} {manner}"\n'
    file = f"[log]\nnames = false\n{engine}{POLICY}{SLO}at_most_ms = 300\n"
    return serve(hit.home, file).ready()


@pytest.mark.slow
def test_an_engine_out_of_memory_is_started_again_and_nobody_notices(target: Served) -> None:
    codes = Counter[int]()
    with ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(target.ask, f"Question {n}") for n in range(400)]
        codes.update(one.result().status_code for one in asked)
    assert codes[200] >= 396, codes
    said = target.wait(lambda: [x for x in target.said().splitlines() if "by SIGKILL" in x])
    assert "it is started again in 1 s" in said[0]
    assert "for want of memory" in said[0]


@pytest.mark.slow
def test_requests_fail_and_wait_as_asked_for_and_no_longer(
    target: Served, hit: Desk, paddock: Callable[..., Any]
) -> None:
    words = ("--abort", "30", "--delay", "400ms", "--delayed", "50", "--for", "5s")
    with Crowd(target, 0.02) as crowd:
        ended = paddock(hit.home, "chaos", "--name", NAME, *words)
    assert ended.returncode == 0, ended.stderr
    line = re.search(r"([\d,]+) requests, ([\d,]+) failed .* p95 .* ([\d,]+) ms", ended.stdout)
    assert line, ended.stdout
    requests, failed, p95 = (int(one.replace(",", "")) for one in line.groups())
    assert requests > 60
    assert set(crowd.codes) == {200, 503}
    assert crowd.codes[503] == failed
    assert 0.08 < failed / requests < 0.4  # before and after the five seconds none fails
    assert p95 > 380
    assert "success: " in ended.stdout
    assert "MISSED" in ended.stdout
    assert "They count in the error budgets" in ended.stdout
    assert {target.ask("Now?").status_code for _ in range(40)} == {200}
    assert "CHAOS, asked for" in target.said()

    def rows() -> list[LogRow]:
        files = (hit.home / "store" / "inference" / NAME).glob("*.jsonl")
        return [LogRow.model_validate_json(x) for f in files for x in f.read_text().splitlines()]

    # Who was refused is a row without an answer; who only waited has one.
    target.wait(lambda: sum(not row.answer for row in rows()) == failed)
    assert any(row.answer and (row.seconds or 0) > 0.39 for row in rows())
    status = paddock(hit.home, "slo", "status", "--file", str(hit.home / "serving.toml"))
    assert f"in 1 times of `paddock chaos` {failed} of" in status.stdout, status.stderr


@pytest.mark.slow
def test_it_ends_though_its_command_was_killed(
    target: Served,
    hit: Desk,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:
    command = [str(Path(sys.executable).with_name("paddock")), "chaos", "--name", NAME]
    command += ["--abort", "100", "--for", "6s"]
    run = subprocess.Popen(command, env=home_environment(hit.home), start_new_session=True)
    target.wait(lambda: target.ask("Refused?").status_code == 503)
    began = time.monotonic()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(20)
    target.wait(lambda: target.ask("And now?").status_code == 200, 30)
    assert time.monotonic() - began < 12
    assert not target.places.chaos.exists()


@pytest.mark.slow
def test_no_canary_begins_beside_it_and_it_begins_beside_none(
    target: Served, hit: Desk, paddock: Callable[..., Any]
) -> None:
    wanted = Chaos(began=datetime.now(UTC), seconds=600, delayed=10, delay_ms=1)
    put(target.places.chaos, wanted.model_dump(mode="json"))
    beside = paddock(hit.home, "canary", "start", "--name", NAME)
    assert beside.returncode == 2
    assert "chaos is under way: 10 % made to wait" in beside.stderr
    target.places.chaos.unlink()
    record = hit.home / "store" / "canary" / f"{NAME}.json"
    now = datetime.now(UTC).isoformat()
    champion, candidate = ({"version": n, "digest": str(n) * 64} for n in (1, 2))
    state: dict[str, Any] = {"name": NAME, "candidate": candidate, "champion": champion}
    state |= {"began": now, "since": now, "tick": now, "whole": now}
    state |= {"weights": {"baseline": 5, "stable": 90, "canary": 5}}
    release = {**candidate, "model": "m", "name": "desk/b"}
    record.parent.mkdir(exist_ok=True)
    put(record, {"state": state, "policy": {}, "release": release})
    refused = paddock(hit.home, "chaos", "--name", NAME, "--abort", "5")
    assert refused.returncode == 2
    assert "the canary of version 2 is under way" in refused.stderr
    assert target.ask("Untouched?").status_code == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing would go wrong"),
        (("--abort", "5", "--for", "1h"), "write a time as 500ms, 2s or 1m"),
        (("--abort", "5", "--for", "11m"), "10m at most"),
        (("--abort", "5"), "nothing serves it from this home"),
    ],
)
def test_what_cannot_be_made_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, paddock: Callable[..., Any]
) -> None:
    ended = paddock(tmp_path / "home", "chaos", "--name", "nobody", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
