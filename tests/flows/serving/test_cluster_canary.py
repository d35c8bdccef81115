"""A canary on a cluster: an API that holds the route, a real Prometheus, pods that answer."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_contracts.errors import InputError
from flows.serving.canary_ticks import Record
from flows.serving.champion import Release
from flows.serving.cluster_site import ClusterSite, site_of, take_back_unwatched
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.canary.phases import SILENT, Version, begin
from tasks.canary.policy import CanaryPolicy
from tasks.serving.ports.cluster import Cluster, names_at
from tests.flows.serving.conftest import NAME, Desk, Served
from tests.flows.serving.test_canary_live import POLICY, STUB
from tests.tasks.serving.stub_engine import StubEngine
from tests.tasks.serving.stub_page import Gateway, prometheus_over
from tests.tasks.serving.stub_route import StubRoute
from tests.waiting import free_port

pytestmark = pytest.mark.timeout(300)


class Pods:
    """The route, the counters of what it sends where, and the pods of both versions."""

    def __init__(self, folder: Path) -> None:
        self.token = folder / "token"
        self.token.write_text("a-token")
        self.api, self.page = StubRoute("a-token"), Gateway(folder)
        self.champion = StubEngine(f"{NAME}/1")
        self.candidate = StubEngine(f"{NAME}/{'0' * 16}")
        self.fails = 0.0  # share of the candidate's
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def weights(self) -> dict[str, int]:
        """Return what the route says."""
        refs = self.api.route["spec"]["rules"][1]["backendRefs"]
        return {one["name"].removeprefix("serving-"): one.get("weight", 1) for one in refs}

    def _work(self) -> None:
        while not self.over.wait(0.05):
            weights = self.weights()
            for arm, weight in weights.items():
                n = round(20 * weight / max(1, sum(weights.values())))
                bad = round(n * self.fails) if arm == "canary" else 0
                for code, count in ((200, n - bad), (503, bad)):
                    if count:
                        was = self.page.counts.get((arm, code), 0)
                        self.page.counts[arm, code] = was + count

    def file(self, home: Path, prometheus: str) -> Path:
        """Write the serving's file."""
        route = f'name = "serving", namespace = "paddock", api = "{self.api.address}"'
        at = {"baseline": self.champion, "stable": self.champion, "canary": self.candidate}
        addresses = ", ".join(f'{arm} = "http://127.0.0.1:{one.port}"' for arm, one in at.items())
        file = home / "cluster.toml"
        file.write_text(
            f'name = "{NAME}"\n{POLICY}[cluster]\n'
            f'route = {{ {route}, token_file = "{self.token}" }}\n'
            f'prometheus = {{ address = "{prometheus}" }}\naddresses = {{ {addresses} }}\n'
        )
        return file

    def end(self) -> None:
        """End all of it."""
        self.over.set()
        self._thread.join(20)
        for one in (self.api, self.page, self.champion, self.candidate):
            one.end()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    made = Pods(tmp_path_factory.mktemp("c"))
    yield made
    made.end()


@pytest.mark.slow
@pytest.mark.parametrize("fails", [0.0, 0.5], ids=["as-good", "worse"])
def test_an_approved_version_is_promoted_or_taken_back_by_a_routes_weights(
    fails: float,
    cluster: Pods,
    make_desk: Callable[[Path], Desk],
    tmp_path: Path,
    paddock: Callable[..., Any],
) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    desk = make_desk(tmp_path / "home")
    desk.release("a")
    number = desk.approve("b")
    cluster.candidate.name = f"{NAME}/{_digest(desk, number)[:16]}"
    cluster.fails = fails

    def follow() -> None:  # as the champion's own pods do
        while not cluster.over.wait(0.5):
            cluster.champion.name = f"{NAME}/{desk.champion}"

    following = threading.Thread(target=follow)
    following.start()
    with prometheus_over(cluster.page, tmp_path) as address:
        file = cluster.file(desk.home, address)
        words = ("canary", "start", "--name", NAME, "--file", str(file), "--fast", "60")
        ended = paddock(desk.home, *words)
    cluster.over.set()
    following.join(20)
    assert ended.returncode == (1 if fails else 0), ended.stderr + ended.stdout
    assert desk.champion == (1 if fails else 2)
    assert ("rolled back" if fails else "every phase was passed") in ended.stdout
    assert cluster.weights() == {"baseline": 0, "stable": 10_000, "canary": 0}
    assert cluster.api.patches >= (2 if fails else 3)


@pytest.mark.slow
def test_a_candidates_pod_serves_that_version_and_its_counts_and_no_champion(
    make_desk: Callable[[Path], Desk], tmp_path: Path, serve: Callable[..., Served]
) -> None:
    desk = make_desk(tmp_path / "home")
    desk.release("a")
    number, port = desk.approve("b"), free_port()
    engine = f'[engine]\nkind = "vllm"\ncommand = "{STUB}"\n'
    file = f"candidate = {number}\n{engine}[gateway]\nmetrics_port = {port}\n"
    served = serve(desk.home, file).ready()
    name = f"{NAME}/{_digest(desk, number)[:16]}"
    assert names_at(served.url) == {name}
    assert served.ask("Who is it?").json()["model"] == name
    counted = 'envoy_paddock_requests{arm="stable",code="200"}'
    served.wait(lambda: counted in httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    desk.release("c")
    time.sleep(12)  # a champion's pod looks at the ledger each ten seconds
    assert served.ask("Still?").json()["model"] == name
    assert served.end() == 0
    refused = serve(tmp_path / "home", f"candidate = 9\n{engine}")
    assert refused.process.wait(60) != 0
    assert "9" in refused.said()


def _digest(desk: Desk, number: int) -> str:
    from model_registry.candidates import find_candidate

    return find_candidate(desk.registry, NAME, number).digest


def record(cluster: Pods, tick: datetime) -> Record:
    """Return the record of a canary whose newest tick was then."""
    told: dict[str, Any] = {"name": "serving", "namespace": "paddock", "api": cluster.api.address}
    told |= {"token_file": str(cluster.token)}
    where = Cluster.model_validate({"route": told, "prometheus": {"address": "http://127.0.0.1:9"}})
    one, other = Version(version=2, digest="b" * 64), Version(version=1, digest="a" * 64)
    state = begin(NAME, one, other, tick).model_copy(update={"phase": 0})
    release = Release(version=2, digest="b" * 64, model=Path("-"), name=f"{NAME}/bbbb")
    return Record(state=state, policy=CanaryPolicy(), release=release, cluster=where)


def test_what_nobody_ticks_loses_its_traffic_and_what_cannot_be_taken_is_said(
    cluster: Pods, tmp_path: Path
) -> None:
    workshop = Workshop(Settings(home=tmp_path / "home"))
    now = datetime.now(UTC)
    begun = record(cluster, now)
    weights = begun.state.weights.model_copy(
        update={"canary": 25.0, "baseline": 25.0, "stable": 50.0}
    )
    begun = begun.model_copy(update={"state": begun.state.model_copy(update={"weights": weights})})
    places = Places(workshop.settings.home, NAME)
    assert begun.cluster
    ClusterSite(workshop.store, places, NAME, begun.cluster).write(begun)
    assert cluster.weights() == {"baseline": 2_500, "stable": 5_000, "canary": 2_500}
    assert take_back_unwatched(workshop, [NAME, "other"], now + SILENT / 2) == []
    assert cluster.weights()["canary"] == 2_500
    late = now + SILENT + timedelta(seconds=1)
    cluster.token.write_text("a token of yesterday")
    [said] = take_back_unwatched(workshop, [NAME], late)
    assert "is not watched, and keeps its traffic" in said
    cluster.token.write_text("a-token")
    [said] = take_back_unwatched(workshop, [NAME], late)
    assert f"the canary of {NAME} gets no more traffic: no tick for 5 minutes" in said
    assert cluster.weights() == {"baseline": 0, "stable": 10_000, "canary": 0}
    assert take_back_unwatched(workshop, [NAME], late) == []
    site = site_of(workshop, places, NAME)
    assert isinstance(site, ClusterSite)  # `paddock canary abort` writes its weights as well


def test_a_file_without_the_table_is_refused(tmp_path: Path) -> None:
    workshop = Workshop(Settings(home=tmp_path / "home"))
    places = Places(workshop.settings.home, NAME)
    file = tmp_path / "serving.toml"
    file.write_text(f'name = "{NAME}"\n')
    with pytest.raises(InputError, match="no table"):
        site_of(workshop, places, NAME, str(file))
    file.write_text(f'name = "{NAME}"\n[cluster]\nroute = {{ name = "r" }}\n')
    with pytest.raises(InputError, match=r"route.namespace"):
        site_of(workshop, places, NAME, str(file))
