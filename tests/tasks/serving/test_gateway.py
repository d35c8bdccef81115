"""What a real Envoy does with our configuration."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
from scipy.stats import binomtest

from flows.serving.keeper import READY_SECONDS
from flows.serving.places import put
from tasks.serving.gateway import arms
from tasks.serving.gateway.counted import EDGES_MS
from tasks.serving.gateway.faults import FAULTS, faults
from tasks.slo.counting import gateway_counts
from tasks.slo.objectives import Objective
from tests.tasks.serving.conftest import RunningGateway
from tests.tasks.serving.stub_engine import StubEngine
from tests.waiting import free_port

pytestmark = pytest.mark.timeout(180)
Start = Callable[..., RunningGateway]
Make = Callable[[str], StubEngine]
QUIET: dict[str, Any] = {"log": {"keep": False}}


def arms_with(running: RunningGateway, make: Make) -> dict[str, StubEngine]:
    engines = {arm: make(arm) for arm in arms.ARMS}
    for arm, engine in engines.items():
        running.point(arm, engine)
    running.wait(lambda: all(running.healthy(arm, engine) for arm, engine in engines.items()))
    running.wait(lambda: running.client.get("/health").is_success)  # its worker knows it, too
    return engines


def answering(running: RunningGateway, user: str) -> str:
    reply = running.ask(x_user=user)
    assert reply.status_code == 200, reply.text
    return reply.json()["model"]


def _has_share(running: RunningGateway, share: int) -> bool:
    entries = running.admin.get("/runtime").json()["entries"]
    return entries[f"{arms.RUNTIME_KEY}.canary"]["final_value"] == str(share)


def test_users_go_to_arms_by_share_and_stay_while_a_share_grows(
    start_gateway: Start, make_engine: Make
) -> None:
    running = start_gateway(**QUIET, gateway={"requests_per_minute": 1_000_000})
    arms_with(running, make_engine)
    assert {answering(running, f"u{n}") for n in range(40)} == {"stable"}
    users = [f"user-{n}" for n in range(1_000)]
    was: dict[str, str] = {}
    for share in (500, 2_500):
        running.weigh({"baseline": share, "canary": share})
        running.wait(partial(_has_share, running, share))
        now = {user: answering(running, user) for user in users}
        for arm in ("baseline", "canary"):
            count = Counter(now.values())[arm]
            interval = binomtest(count, len(users)).proportion_ci(0.9999, "exact")
            assert interval.low <= share / arms.SUM <= interval.high, (arm, count)
        # Who was in an arm of few stays in it; nobody goes from one of them to the other.
        assert all(now[user] == arm for user, arm in was.items() if arm != "stable")
        was = now
    assert {user: answering(running, user) for user in users[:200]} == {
        user: was[user] for user in users[:200]
    }


def test_a_salt_draws_other_users_and_keeps_them(start_gateway: Start, make_engine: Make) -> None:
    running = start_gateway(
        **QUIET,
        gateway={"requests_per_minute": 1_000_000},
        tenants={"acme": {"requests_per_minute": 100_000}},
    )
    arms_with(running, make_engine)
    users = [f"user-{n}" for n in range(300)]
    drawn: list[set[str]] = []
    for salt in (0, 1, arms.SALTS - 1, 1):
        running.weigh({"baseline": 2_500, "canary": 2_500 - salt}, salt)
        running.wait(partial(_has_share, running, 2_500 - salt))
        now = {user: answering(running, user) for user in users}
        drawn.append({user for user, arm in now.items() if arm == "canary"})
        assert {user: answering(running, user) for user in users[:50]} == {
            user: now[user] for user in users[:50]
        }
    assert drawn[1] == drawn[3]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        # Of independent draws of a quarter each, a sixteenth of the users is in both: 19 of 300.
        assert all(40 < len(drawn[of]) < 115 for of in (one, other))
        assert len(drawn[one] & drawn[other]) < 40
    with pytest.raises(ValueError, match="a salt is below 8"):
        arms.weights({}, arms.SALTS)


def test_engines_are_replaced_without_a_refused_request(
    start_gateway: Start, make_engine: Make
) -> None:
    running = start_gateway(**QUIET)
    old, new = make_engine("desk/1"), make_engine("desk/2")
    running.point("stable", old)
    running.wait(lambda: running.client.get("/health").is_success)
    running.point("stable", old, coming=(new,))
    running.wait(lambda: running.healthy("stable", new))
    time.sleep(READY_SECONDS)  # its workers hear of it a moment later: as the keeper waits
    assert {running.ask().json()["model"] for _ in range(30)} == {"desk/1"}
    running.point("stable", new)
    answers = [running.ask() for _ in range(300)]
    assert {answer.status_code for answer in answers} == {200}
    said = [answer.json()["model"] for answer in answers]
    assert said == sorted(said)
    assert said[-1] == "desk/2"
    running.point("stable")
    running.wait(lambda: running.ask().status_code == 503)
    assert running.client.get("/health").status_code == 503


def test_one_that_is_ill_gets_nothing(start_gateway: Start, make_engine: Make) -> None:
    running = start_gateway(**QUIET)
    well, ill = make_engine("well"), make_engine("ill")
    running.point("stable", well, ill)
    running.wait(lambda: running.healthy("stable", well) and running.healthy("stable", ill))
    running.wait(lambda: running.client.get("/health").is_success)
    ill.healthy = False
    running.wait(lambda: not running.healthy("stable", ill))
    ill.asked.clear()
    assert {running.ask().json()["model"] for _ in range(40)} == {"well"}
    assert not ill.asked


def test_a_tenant_has_its_limit_and_the_others_theirs(
    start_gateway: Start, make_engine: Make
) -> None:
    running = start_gateway(
        **QUIET,
        gateway={"requests_per_minute": 20},
        tenants={"acme": {"requests_per_minute": 3}, "bolt": {"requests_per_minute": 5}},
    )
    arms_with(running, make_engine)

    def passed(tenant: str) -> int:
        codes = [running.ask(x_tenant=tenant).status_code for _ in range(30)]
        assert set(codes) <= {200, 429}
        return codes.count(200)

    assert (passed("acme"), passed("bolt")) == (3, 5)
    assert passed("somebody") + passed("else") == 20
    said = running.ask(x_tenant="acme").json()["error"]
    assert (said["code"], said["type"]) == (429, "gateway")
    assert "more requests a minute" in said["message"]


def test_more_than_may_wait_are_refused_at_once(start_gateway: Start, make_engine: Make) -> None:
    running = start_gateway(**QUIET, gateway={"most_waiting": 2})
    engines = arms_with(running, make_engine)
    engines["stable"].may_answer.clear()
    with ThreadPoolExecutor(9) as clients:
        asked = [clients.submit(running.ask) for _ in range(9)]
        running.wait(lambda: sum(one.done() for one in asked) == 5)
        assert {one.result().status_code for one in asked if one.done()} == {503}
        assert len(engines["stable"].asked) == 2  # and two wait for them
        engines["stable"].may_answer.set()
        codes = sorted(one.result().status_code for one in asked)
    assert codes == [200] * 4 + [503] * 5


def test_what_is_refused_says_why_as_openai_does(start_gateway: Start, make_engine: Make) -> None:
    running = start_gateway(**QUIET)
    engines = arms_with(running, make_engine)
    body = {"messages": [{"role": "user", "content": "Hi"}]}

    def post(value: object, kind: str = "application/json") -> httpx.Response:
        headers = {"content-type": kind, "authorization": "Bearer of-nobody"}
        return running.client.post("/v1/chat/completions", json=value, headers=headers)

    for kind in ("application/json", "text/plain", ""):
        several = post({**body, "n": 2}, kind)
        assert several.status_code == 400
        assert "one answer a request" in several.json()["error"]["message"]
    assert post({**body, "n": 1}).status_code == 200
    [asked] = engines["stable"].asked
    assert "authorization" not in {name.lower() for name in asked}
    for path in ("/", "/props", "/slots", "/v1/chat/completions/../../props", "/metrics"):
        assert running.client.get(path).status_code == 404, path
    large = post({**body, "more": "x" * (2 << 20)})
    assert large.status_code == 413


def test_what_is_counted_tells_arms_codes_and_waits_apart(
    start_gateway: Start, make_engine: Make
) -> None:
    running = start_gateway(**QUIET)
    engines = arms_with(running, make_engine)
    for tenant in range(5):
        assert running.ask(x_tenant=f"tenant-{tenant}").status_code == 200
    engines["stable"].code = 500
    assert running.ask().status_code == 500
    running.client.get("/health")
    whole = 'envoy_paddock_duration_ms_count{arm="stable",code="200"} 5'
    running.wait(lambda: whole in running.admin.get("/stats/prometheus").text)
    lines = running.admin.get("/stats/prometheus").text.splitlines()
    counted = [line for line in lines if line.startswith("envoy_paddock_requests{")]
    assert counted == [
        'envoy_paddock_requests{arm="stable",code="200"} 5',
        'envoy_paddock_requests{arm="stable",code="500"} 1',
    ]
    page = running.admin.get("/stats/prometheus?filter=paddock").text
    assert gateway_counts(Objective(of="success", target=0.999), page, EDGES_MS) == (6, 1)
    quick = Objective(of="latency", target=0.95, at_most_ms=20_000)
    assert gateway_counts(quick, page, EDGES_MS) == (5, 0)
    edges = [
        line
        for line in lines
        if line.startswith('envoy_paddock_duration_ms_bucket{arm="stable",code="200"')
    ]
    assert len(edges) == len(EDGES_MS) + 1
    assert edges[-1].endswith(" 5")
    assert "tenant-" not in "\n".join(lines)
    assert "error" not in running.log.read_text()


def test_requests_fail_and_wait_only_while_the_file_of_faults_says_so(
    start_gateway: Start, make_engine: Make
) -> None:
    running = start_gateway(**QUIET)
    engines = arms_with(running, make_engine)

    def refused(many: int) -> int:
        codes = Counter(running.ask().status_code for _ in range(many))
        assert set(codes) <= {200, 503}
        return codes[503]

    assert refused(30) == 0
    put(running.folder / FAULTS, faults(abort=30))
    running.wait(lambda: refused(10) > 0)
    before = len(engines["stable"].asked)
    failed = refused(200)
    interval = binomtest(failed, 200).proportion_ci(0.9999, "exact")
    assert interval.low <= 0.3 <= interval.high
    assert len(engines["stable"].asked) == before + 200 - failed  # no engine heard of them
    put(running.folder / FAULTS, faults(delayed=100, delay_ms=150))
    running.wait(lambda: running.ask().elapsed.total_seconds() >= 0.15)
    assert {running.ask().status_code for _ in range(5)} == {200}
    put(running.folder / FAULTS, faults())
    running.wait(lambda: running.ask().elapsed.total_seconds() < 0.1)
    assert refused(50) == 0


def test_a_prometheus_reads_what_was_counted_and_nothing_else_of_the_admin(
    start_gateway: Start, make_engine: Make
) -> None:
    port = free_port()
    running = start_gateway(**QUIET, gateway={"metrics_port": port})
    arms_with(running, make_engine)
    assert running.ask().status_code == 200
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        counted = 'envoy_paddock_requests{arm="stable",code="200"} 1'
        running.wait(lambda: counted in client.get("/metrics").text)
        page = client.get("/metrics").text
        lines = [line for line in page.splitlines() if not line.startswith("#")]
        assert 'envoy_cluster_upstream_rq_active{envoy_cluster_name="stable"} 0' in lines
        told = ("envoy_paddock_", "envoy_cluster_upstream_rq_active{")
        assert all(line.startswith(told) for line in lines if line)
        for path in ("/", "/config_dump", "/metrics/../config_dump", "/metrics?filter=.*"):
            assert client.get(path).status_code == 404, path
        assert client.post("/metrics").status_code == 404


@pytest.mark.parametrize("shares", [{"canary": -1}, {"canary": 9_000, "baseline": 2_000}, {"x": 1}])
def test_shares_that_cannot_be_are_refused(shares: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="10,000"):
        arms.weights(shares)
