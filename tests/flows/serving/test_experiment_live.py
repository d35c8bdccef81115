"""An experiment beside `paddock serve`, as its users meet it: judged, told, and not promoted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.serving.experiment_counts import counted
from flows.serving.places import Places
from tasks.experiment.groups import group_of
from tests.flows.serving.conftest import NAME, Desk, Served
from tests.flows.serving.test_canary_live import STUB, Crowd, share

pytestmark = pytest.mark.timeout(300)
STOPS = "[canary]\ntick_seconds = 1\n"


@pytest.fixture(scope="module")
def compared(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A home with a champion and an approved candidate, whose engines are stubs."""
    desk = make_desk(tmp_path_factory.mktemp("experiment") / "home")
    desk.release("a")
    desk.approve("b")
    return desk


@pytest.fixture(scope="module")
def manners(compared: Desk) -> Path:
    return compared.home / "manner.json"


@pytest.fixture(scope="module")
def served_stubs(compared: Desk, manners: Path, serve: Callable[..., Served]) -> Served:
    engine = f'[engine]\nkind = "vllm"\ncommand = "{STUB} {manners}"\n'
    return serve(compared.home, f"[log]\nnames = false\n{engine}{STOPS}").ready()


def experiment_started(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("paddock")), "experiment", "start"]
    return subprocess.Popen(
        [*command, "--name", NAME, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_an_experiment_says_who_is_better_and_promotes_nobody(
    compared: Desk,
    manners: Path,
    served_stubs: Served,
    home_environment: Callable[[Path], dict[str, str]],
) -> None:
    manners.write_text(json.dumps({"finish": "length"}))
    environment = home_environment(compared.home)
    words = ("--metric", "truncated", "--share", "50", "--hours", "0.003")
    with Crowd(served_stubs, 0.01) as crowd, experiment_started(environment, *words) as run:
        served_stubs.wait(lambda: share(served_stubs) == 5000, 100)
        whole = served_stubs.wait(lambda: _counted(served_stubs.places))
        assert whole <= _groups_of_the_crowd(served_stubs.places)
        said, _ = run.communicate(timeout=100)
        served_stubs.wait(lambda: share(served_stubs) == 0)
    assert run.returncode == 0, said
    assert "A is better: B - A is +100.00 points" in said
    assert "now: over" in said
    assert "Nothing is promoted." in said
    assert compared.champion == 1
    assert set(crowd.codes) == {200}
    assert not served_stubs.places.experiment.exists()
    [page] = (compared.home / "store" / "experiments" / NAME).glob("*.html")
    assert "<polygon" in page.read_text()
    assert "user-" not in page.read_text()
    assert "user-" not in (compared.home / "store" / "canary" / f"{NAME}.json").read_text()


def _counted(places: Places) -> set[int]:
    """Return the groups that have a request, once there are many; none before."""
    arms = counted(places, _key(places)["experiment"])
    sums = [metrics["success"] for metrics in arms.values() if "success" in metrics]
    groups = {group for one in sums for group, n in enumerate(one.n) if n}
    return groups if sum(sum(one.n) for one in sums) > 100 else set()


def _groups_of_the_crowd(places: Places) -> set[int]:
    """Return the groups of all users that ask: were requests counted alone, all would be."""
    key = bytes.fromhex(_key(places)["key"])
    return {group_of(key, f"user-{who}-{n}", "") for who in range(6) for n in range(50)}


def _key(places: Places) -> dict[str, str]:
    return json.loads((places.experiment / "key.json").read_text())
