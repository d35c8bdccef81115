"""What happened in a home that is watched, and the servers that watch it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from flows.index_notes import keep_current
from flows.servers.watchdog import ask
from flows.showing.drift_status import Watch, status_key
from flows.showing.week_budget import WeekLimits, keep_limits
from flows.workshop.settings import Settings, library_environment
from tasks.drift.decision import Decision
from tasks.drift.triggers import claim_trigger
from tasks.slo.objectives import promises_of
from tasks.slo.rules import rules_of
from tasks.slo.samples import Sample, keep_sample
from tasks.storage.objects import LocalStore
from tests.waiting import free_port, wait_for

PROMISED = {
    "objectives": {
        "truncated": {"target": 0.95},
        "rated": {"target": 0.9},
        "recall": {"target": 0.9},
    }
}
CONFIGURATION = Path(__file__).parents[3] / "deploy" / "prometheus"


class Watched(NamedTuple):
    """The home, and where its exporter and its Prometheus answer."""

    home: Path
    exporter: str
    prometheus: str

    def scraped(self) -> str:
        return str(ask(f"{self.exporter}/metrics"))

    def told(self, name: str, **labels: str) -> list[float]:
        """Return the values of a metric at the exporter that have these labels."""
        families = text_string_to_metric_families(self.scraped())
        samples = [one for family in families for one in family.samples if one.name == name]
        return [one.value for one in samples if labels.items() <= one.labels.items()]

    def asked(self, query: str) -> list[dict[str, Any]]:
        """Return what Prometheus finds, with the variables of a dashboard filled in."""
        words = urlencode({"query": query.replace("$model", ".*")})
        return ask(f"{self.prometheus}/api/v1/query?{words}")["data"]["result"]


class Servers:
    """Programs that run until they are all ended."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *words: str, **environment: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as out:
            self._started[name] = subprocess.Popen(
                words,
                env=self._environment | environment,
                stdout=out,
                stderr=out,
                cwd=self._folder,
                start_new_session=True,
            )

    def wait(self, name: str, address: str) -> None:
        wait_for(address, self._started[name], self._folder / f"{name}.log")

    def end(self) -> None:
        for process in self._started.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def watch_home(
    home: Path, environment: Mapping[str, str], database: Path
) -> tuple[Servers, Watched]:
    """Start Prefect, MLflow, the exporter and Prometheus over a home, all real and of its own."""
    with (
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(home / "prefect.db")) as copy,
    ):
        source.backup(copy)  # with what its own server has not written into the file yet
    settings = Settings(home=home)
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    servers = Servers(home.parent, {**environment, **library_environment(settings), **quiet})
    ports = {name: str(free_port()) for name in ("prefect", "mlflow", "exporter", "prometheus")}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    python, place = (sys.executable, "-m"), ("--host", "127.0.0.1", "--port")
    try:
        data = ("--workers", "1", "--backend-store-uri", settings.embedded_database)
        servers.start("mlflow", *python, "mlflow", "server", *data, *place, ports["mlflow"])
        servers.start("prefect", *python, "prefect", "server", "start", *place, ports["prefect"])
        servers.wait("prefect", f"{at['prefect']}/api/health")
        servers.wait("mlflow", f"{at['mlflow']}/health")
        given = {"PREFECT_API_URL": f"{at['prefect']}/api", "MLFLOW_TRACKING_URI": at["mlflow"]}
        happen_in_prefect(given["PREFECT_API_URL"])
        given["PADDOCK_METRICS_PORT"] = ports["exporter"]
        servers.start("exporter", *python, "flows.measuring.exporter", **given)
        servers.wait("exporter", f"{at['exporter']}/metrics")
        servers.start("prometheus", *_prometheus(home.parent, ports))
        servers.wait("prometheus", f"{at['prometheus']}/-/ready")
        found = Watched(home, at["exporter"], at["prometheus"])
        _wait(lambda: found.asked("count_over_time(model:paddock_served:seconds[1m]) > 2"))
        look(LocalStore(home / "store"), 4)  # a counter's second value: from here on it has a rate
        _wait(lambda: found.asked('slo:paddock_left:ratio{model="shelves", slo="recall"}'))
    except BaseException:
        servers.end()
        raise
    return servers, found


def _prometheus(folder: Path, ports: Mapping[str, str]) -> list[str]:
    """Return a Prometheus with the configuration that we ship, in a hurry."""
    told = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())
    told["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    rules = folder / "promised.yml"
    rules.write_text(rules_of(promises_of(PROMISED, ""), "shelves"))
    told["rule_files"] = [str(CONFIGURATION / one) for one in told["rule_files"]] + [str(rules)]
    (job,) = told["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{ports['exporter']}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(told))
    place = f"--web.listen-address=127.0.0.1:{ports['prometheus']}"
    data = f"--storage.tsdb.path={folder / 'prometheus'}"
    return ["prometheus", f"--config.file={folder / 'prometheus.yml'}", data, place]


def _wait(look: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not look():
        assert time.monotonic() < end
        time.sleep(0.5)


def happen_in_prefect(api: str) -> None:
    """Let a worker be heard, and beside what ran let a run be late and another go on."""
    ask(f"{api}/work_pools/", {"name": "cpu", "type": "process"})
    ask(f"{api}/work_pools/cpu/workers/heartbeat", {"name": "one"})
    flow = ask(f"{api}/flows/filter", {"flows": {"name": {"any_": ["retrain"]}}})[0]["id"]
    given = {"flow_id": flow, "parameters": {"parameters": {"name": "shelves"}}}
    due = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    late = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": due}}
    for state in (late, {"type": "RUNNING"}):
        ask(f"{api}/flow_runs/", {**given, "state": state})


def requests(day: datetime) -> str:
    """Return a gateway's log of sixty requests that say their tokens, and a broken line."""
    lines: list[str] = []
    for number in range(60):
        asked = {"role": "user", "content": f"How many bolts has shelf {number}?"}
        said = {"role": "assistant", "content": f"Shelf {number} has {number + 3}."}
        at = int((day + timedelta(seconds=number)).timestamp())
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        response = {"id": f"c-{number}-{at}", "created": at, "usage": usage}
        response |= {"choices": [{"message": said}]}
        request = {"model": "shelves/2", "messages": [asked]}
        lines.append(json.dumps({"request": request, "response": response, "consent": True}))
    return "".join(f"{line}\n" for line in [*lines, "broken"])


def look(store: LocalStore, bad: int) -> None:
    """Let the index be probed."""
    now = datetime.now(UTC)
    sample = Sample(kind="recall", time=now, requests=208, bad=bad, about="i" * 64)
    keep_sample(store, "shelves", sample)


def happen_in_store(store: LocalStore, name: str) -> None:
    """Let drift be found and answered, a retraining have a price, and an index be looked after."""
    look(store, 9)
    keep_current(store, name, "i" * 64, datetime.now(UTC))
    decision = Decision(start=True, reason="", fingerprint="f" * 24, attempt=1, champion="c" * 64)
    if not claim_trigger(store, name, decision, datetime.now(UTC)):
        pytest.fail("somebody claimed it")
    watch = Watch(
        champion=2,
        looked_at=datetime.now(UTC).isoformat(),
        windows={"2026-03-01T14": "drifted", "2026-03-01T15": "quiet"},
        started=True,
        reason="two of three",
        signals={"new topics": 1.5},
    )
    store.write(status_key(name), watch.model_dump_json().encode())
    keep_limits(store, name, WeekLimits(gpu_hours=8.0, cost=20.0, price=2.5))
    newest = max(store.keys(f"runs/{name}"))
    record = json.loads(store.read(newest)) | {"cost": 1.25, "model_digest": "e" * 64}
    store.write(newest.replace(".json", "-priced.json"), json.dumps(record).encode())
