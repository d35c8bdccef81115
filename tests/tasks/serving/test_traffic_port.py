"""One contract for whoever splits the traffic: a real Envoy by its file, and a route by its API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_contracts.errors import PaddockError
from flows.serving.places import put
from tasks.serving.gateway.arms import SUM
from tasks.serving.ports.route import Route, RouteTraffic
from tasks.serving.ports.traffic import EnvoyTraffic, Traffic
from tests.tasks.serving.conftest import RunningGateway
from tests.tasks.serving.stub_route import StubRoute
from tests.waiting import free_port, until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[StubRoute]:
    (tmp_path / "token").write_text("a-token\n")
    stub = StubRoute("a-token")
    yield stub
    stub.end()


@pytest.fixture
def route(api: StubRoute, tmp_path: Path) -> RouteTraffic:
    return RouteTraffic(
        Route(
            name="serving",
            namespace="paddock",
            api=api.address,
            token_file=tmp_path / "token",
            authority_file=None,
        )
    )


@pytest.fixture(params=["envoy", "route"])
def traffic(
    request: pytest.FixtureRequest, start_gateway: Callable[..., RunningGateway]
) -> Traffic:
    if request.param == "route":
        return request.getfixturevalue("route")
    running = start_gateway(log={"keep": False})
    running.wait(lambda: running.admin.get("/ready").is_success)
    return EnvoyTraffic(running.folder, running.folder / "admin.sock", put)


@pytest.mark.parametrize(
    ("shares", "stable"),
    [({"baseline": 500, "canary": 500}, 9_000), ({"canary": SUM}, 0), ({}, SUM)],
)
def test_what_is_in_effect_is_what_was_given(
    traffic: Traffic, shares: dict[str, int], stable: int
) -> None:
    wanted = {"baseline": 0, "canary": 0, "stable": stable} | shares
    for _ in range(2):  # the same twice is one
        traffic.give(shares)
        until(lambda: traffic.given() == wanted)
    traffic.give({})
    until(lambda: traffic.given() == {"baseline": 0, "canary": 0, "stable": SUM})


@pytest.mark.parametrize("shares", [{"canary": -1}, {"canary": 9_000, "baseline": 2_000}, {"x": 1}])
def test_shares_that_cannot_be_change_nothing(traffic: Traffic, shares: dict[str, int]) -> None:
    traffic.give({"canary": 100})
    until(lambda: (traffic.given() or {}).get("canary") == 100)
    with pytest.raises(ValueError, match="10,000"):
        traffic.give(shares)
    assert (traffic.given() or {})["canary"] == 100


def test_where_nobody_answers_nothing_is_in_effect(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token")
    away = Route(
        name="serving",
        namespace="paddock",
        api=f"http://127.0.0.1:{free_port()}",
        token_file=tmp_path / "token",
        authority_file=None,
    )
    for one in (RouteTraffic(away), EnvoyTraffic(tmp_path, tmp_path / "none.sock", put)):
        assert one.given() is None
    with pytest.raises(PaddockError, match="could not be read or written: ConnectError"):
        RouteTraffic(away).give({"canary": 1})


def test_of_a_route_only_the_arms_weights_are_changed(api: StubRoute, route: RouteTraffic) -> None:
    route.give({"canary": 2_500, "baseline": 2_500})
    other, mine = api.route["spec"]["rules"]
    assert other == {
        "backendRefs": [{"name": "pages", "port": 80, "weight": 3}],
        "matches": ["docs"],
    }
    assert [one["weight"] for one in mine["backendRefs"]] == [2_500, 5_000, 2_500]
    assert {one["port"] for one in mine["backendRefs"]} == {80}
    assert api.route["spec"]["parentRefs"] == [{"name": "front"}]
    route.give({"canary": 2_500, "baseline": 2_500})
    assert api.patches == 1  # nothing is written that stands there


def test_what_somebody_changed_meanwhile_is_not_undone(api: StubRoute, route: RouteTraffic) -> None:
    left = [1]

    def another() -> None:
        if left:
            left.pop()
            rules = [*api.route["spec"]["rules"], {"matches": ["new"]}]
            api.changed(api.route | {"spec": api.route["spec"] | {"rules": rules}})

    api.before_patch = another
    route.give({"canary": 700})
    assert route.given() == {"baseline": 0, "stable": 9_300, "canary": 700}
    assert api.route["spec"]["rules"][-1] == {"matches": ["new"]}
    left.extend([1] * 9)
    with pytest.raises(PaddockError, match="others change it all the time"):
        route.give({"canary": 800})


def test_weights_that_the_gateway_has_not_taken_are_not_in_effect(
    api: StubRoute, route: RouteTraffic
) -> None:
    api.accepts = False
    route.give({"canary": 700})
    assert route.given() is None
    api.accepts = True
    assert (route.given() or {})["canary"] == 700


def test_who_may_not_or_finds_no_arms_is_told_what_to_do(
    api: StubRoute, route: RouteTraffic, tmp_path: Path
) -> None:
    api.route["spec"]["rules"][1]["backendRefs"].pop()
    with pytest.raises(PaddockError, match="no rule of it has the backends serving-baseline"):
        route.give({})
    (tmp_path / "token").write_text("another")
    with pytest.raises(PaddockError, match="may not get it") as refused:
        route.give({})
    assert "another" not in str(refused.value)
