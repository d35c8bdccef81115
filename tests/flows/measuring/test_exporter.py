"""A real exporter: what cannot be read is said, the rest is told, and nothing else ever is."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from data_contracts.errors import InputError
from flows.checking.servers import metrics
from flows.measuring.collecting import Collector, Source
from flows.measuring.figures import Figure, figure
from flows.servers.supervisor import wanted_lines
from flows.servers.up import serve
from flows.servers.watchdog import ask
from flows.workshop.settings import Settings
from tests.waiting import free_port, wait_for

Environment = Callable[[Path], dict[str, str]]
EXPORTER = [sys.executable, "-m", "flows.measuring.exporter"]
HEAVY = ("torch", "transformers", "mlflow", "prefect", "pandas", "spacy")


@pytest.fixture
def scrape(
    tmp_path: Path, home_environment: Environment
) -> Iterator[Callable[..., dict[str, float]]]:
    """Start an exporter over an empty home, and return what it tells, by name and labels."""
    started: list[subprocess.Popen[bytes]] = []

    def tell(**settings: str) -> dict[str, float]:
        given, log = (
            {"PADDOCK_METRICS_PORT": str(free_port()), **settings},
            tmp_path / "exporter.log",
        )
        with log.open("wb") as out:
            environment = home_environment(tmp_path) | given
            started.append(subprocess.Popen(EXPORTER, env=environment, stdout=out, stderr=out))
        address = f"http://127.0.0.1:{given['PADDOCK_METRICS_PORT']}/metrics"
        wait_for(address, started[-1], log)
        families = text_string_to_metric_families(ask(address))
        samples = [one for family in families for one in family.samples]
        return {f"{one.name} {' '.join(one.labels.values())}".strip(): one.value for one in samples}

    yield tell
    for process in started:
        process.kill()
        process.wait(10)


def test_servers_and_a_store_that_are_away_are_said_and_the_rest_is_told(
    scrape: Callable[..., dict[str, float]], tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    told = scrape(
        PREFECT_API_URL=f"{nowhere}/api",
        MLFLOW_TRACKING_URI=nowhere,
        PADDOCK_STORE="s3://bucket/prefix",
        PADDOCK_S3_ENDPOINT_URL=nowhere,
        AWS_ACCESS_KEY_ID="of-a-test",
        AWS_SECRET_ACCESS_KEY="planted-secret",
    )
    down = {name.partition(" ")[2] for name, up in told.items() if "source_up" in name and not up}
    assert down == {"registry", "runs", "budgets", "log", "indexes", "flows", "people"}
    assert told["paddock_server_up prefect"] == told["paddock_server_up mlflow"] == 0
    assert told["paddock_home_free_bytes"] > 0
    assert told["paddock_source_errors_total runs"] >= 1
    log = (tmp_path / "exporter.log").read_text()
    assert "WARNING flows cannot be read (" in log
    assert "planted-secret" not in log


def test_on_a_fresh_home_every_source_can_be_read(
    scrape: Callable[..., dict[str, float]],
) -> None:
    told = scrape()
    ups = {name: value for name, value in told.items() if "source_up" in name}
    assert len(ups) == 11 and set(ups.values()) == {1.0}


def test_the_doctor_says_whether_it_answers_and_where(
    scrape: Callable[..., dict[str, float]], tmp_path: Path
) -> None:
    def looked(port: int, **servers: str) -> tuple[str, str]:
        given = {"home": tmp_path, "metrics_port": port, **servers}
        (check,) = metrics(Settings.model_validate(given))
        return check.state, check.said

    up = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"}
    assert looked(0, **up) == ("ok", "switched off (PADDOCK_METRICS_PORT is 0)")
    port = free_port()
    assert looked(port)[0] == "ok"  # without servers nobody is to answer
    place = f"http://127.0.0.1:{port}/metrics"
    assert looked(port, **up) == ("look", f"nothing answers at {place}")
    scrape(PADDOCK_METRICS_PORT=str(port))
    assert looked(port, **up) == ("ok", f"{place} answers")
    other = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    assert looked(other.server_port, **up)[1].startswith("another program answers")
    other.shutdown()
    other.server_close()


def test_promtool_finds_no_fault_with_any_name() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    from prometheus_client import CollectorRegistry, generate_latest

    from flows.measuring.figures import KINDS

    every = [Figure(name, 1.0, ("a",) * len(kind.labels)) for name, kind in KINDS.items()]
    registry = CollectorRegistry()
    registry.register(Collector([Source("every", 60, lambda: every[3:])]))
    said = subprocess.run(
        ["promtool", "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_no_heavy_library_is_loaded(tmp_path: Path, home_environment: Environment) -> None:
    code = f"""
import json, sys
from flows.measuring.sources import sources_of
from flows.measuring.collecting import Collector
from flows.workshop.settings import read_settings
import flows.measuring.exporter
told = list(Collector(sources_of(read_settings())).collect())
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("taken", [False, True])
def test_a_port_that_is_none_or_taken_ends_it(
    taken: bool, tmp_path: Path, home_environment: Environment
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1]) if taken else "0"
        environment = home_environment(tmp_path) | {"PADDOCK_METRICS_PORT": port}
        done = subprocess.run(
            EXPORTER, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert done.stdout.startswith("ERROR ") and port in done.stdout


def test_up_refuses_a_taken_port_and_without_one_starts_no_exporter(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = int(other.getsockname()[1])
        one, another = free_port(), free_port()
        settings = Settings(
            home=tmp_path, metrics_port=taken, prefect_port=one, mlflow_port=another
        )
        with pytest.raises(InputError, match=f"port {taken} is taken") as refused:
            serve(settings)
    assert "PADDOCK_METRICS_PORT (0: no metrics)" in refused.value.remedy
    names = [[line.partition(":")[0] for line in wanted_lines(one)] for one in _with_and_without()]
    assert names[0] == [*names[1], "metrics"]


def _with_and_without() -> tuple[Settings, Settings]:
    return Settings(metrics_port=9464), Settings(metrics_port=0)


def _told(collector: Collector) -> dict[str, float]:
    samples = [one for family in collector.collect() for one in family.samples]
    return {" ".join((one.name, *one.labels.values())): one.value for one in samples}


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_reading_is_good_for_a_while_and_one_that_fails_is_tried_again() -> None:
    clock, asked, fails = Clock(), list[int](), [False]

    def read() -> Iterator[Figure]:
        asked.append(1)
        if fails[0]:
            raise ValueError("a text of somebody's")
        yield figure("paddock_gpus", len(asked))

    collector = Collector([Source("gpus", 10, read)], clock)
    assert _told(collector)["paddock_gpus"] == _told(collector)["paddock_gpus"] == 1
    clock.now, fails[0] = 10.0, True
    told = _told(collector)
    assert told["paddock_source_up gpus"] == 0
    assert told["paddock_source_errors_total gpus"] == 1
    assert "paddock_gpus" not in told  # yesterday's must not pass for today's
    fails[0] = False
    assert _told(collector)["paddock_gpus"] == 3


def test_a_source_that_hangs_is_down_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.measuring.collecting.SCRAPE_SECONDS", 0.3)
    go_on = threading.Event()

    def hangs() -> Iterator[Figure]:
        go_on.wait(30)
        yield figure("paddock_gpus", 2)

    disk = Source("disk", 10, lambda: [figure("paddock_home_free_bytes", 5)])
    collector = Collector([Source("gpus", 10, hangs), disk])
    start = time.monotonic()
    told = _told(collector)
    assert time.monotonic() - start < 5
    assert (told["paddock_source_up gpus"], told["paddock_source_up disk"]) == (0, 1)
    assert told["paddock_home_free_bytes"] == 5
    go_on.set()
    assert _told(collector)["paddock_gpus"] == 2


def test_a_figure_has_the_labels_of_its_metric() -> None:
    with pytest.raises(TypeError, match="paddock_gate_passed has the labels"):
        figure("paddock_gate_passed", 1, model="desk", gate="is safe")
    with pytest.raises(KeyError):
        figure("paddock_of_my_own", 1)
