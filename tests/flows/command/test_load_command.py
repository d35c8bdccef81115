"""`paddock load` as a person types it: stages, where the server is full, and what is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.command.cli import main
from tests.tasks.load.slow_server import SlowServer

SERVING = """
[engine]
slots = 2
[slo.objectives.latency]
target = 0.9
at_most_ms = 600
"""


def test_load_finds_where_a_server_is_full_and_keeps_what_it_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)
    lines = [f"{began + timedelta(seconds=n / 4):%Y-%m-%d %H:%M:%S.%f},20,5" for n in range(400)]
    trace, serving, out = tmp_path / "t.csv", tmp_path / "serving.toml", tmp_path / "out"
    trace.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]))
    serving.write_text(SERVING)
    server = SlowServer(slots=2, seconds=0.1)  # 20 a second; asked are 5 and 80
    words = ["load", "--trace", str(trace), "--url", server.url, "--speed", "20,1.25"]
    words += ["--seconds", "1", "--file", str(serving), "--out", str(out), "--plan-speed", "10"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "It is full between 5.00 and 80.00 requests a second" in said
    kept = json.loads((out / "load.json").read_text())
    slow, fast = kept["stages"]
    assert (slow["holds"], fast["holds"]) == (True, False)
    assert (slow["requests"], fast["requests"]) == (5, 80)
    assert fast["latency"]["p95"] > 2
    assert len((out / "requests.jsonl").read_text().splitlines()) == 85
    assert (out / "load.svg").read_text().count("<svg") == 1
    server.end()
    # Half a dozen found a slot, which is too few to fit service times to.
    assert kept["plan"] is None
    assert "How many replicas it needs is not known" in said
    assert main(words) == 1  # nobody listens any more
    gone = capsys.readouterr().out
    assert "ConnectError" in gone
    assert "Not one answer came whole" in gone
