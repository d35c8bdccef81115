"""A run's figures on their way to MLflow: from a thread, each once, and through an outage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from model_registry.run_log import RunLog, machine_sampler
from model_registry.tracking import Registry

Points = Sequence[tuple[float, int, Mapping[str, float]]]


def history(registry: Registry, run: str, key: str) -> list[tuple[int, float]]:
    found = registry.client.get_metric_history(run, key)
    return [(point.step, point.value) for point in found]


def wait_for(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


@pytest.fixture
def sent(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each call of MLflow took; a call takes 0.2 s, as of a server far away."""
    sizes: list[int] = []
    really = registry.log_points

    def slowly(run: str, points: Points) -> None:
        time.sleep(0.2)
        really(run, points)
        sizes.append(len(points))

    monkeypatch.setattr(registry, "log_points", slowly)
    return sizes


def test_who_makes_figures_never_waits_and_each_step_arrives(
    registry: Registry, sent: list[int]
) -> None:
    run = registry.start_run("desk", "training", {})
    log = RunLog(registry, run, send_seconds=0.05)
    began = time.monotonic()
    for step in range(1, 201):
        log.put({"loss": 1 / step}, step)
        time.sleep(0.002)
    assert time.monotonic() - began < 2, "the steps waited for MLflow"
    log.close()
    assert history(registry, run, "loss") == [(step, 1 / step) for step in range(1, 201)]
    assert sum(sent) == 200 and 1 < len(sent) < 20


def test_figures_wait_for_a_server_that_does_not_answer(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = registry.start_run("desk", "training", {})
    really, failed = registry.log_points, list[int]()

    def down(_: str, points: Points) -> None:
        failed.append(len(points))
        raise ConnectionError("no server")

    with monkeypatch.context() as outage:
        outage.setattr(registry, "log_points", down)
        log = RunLog(registry, run, send_seconds=0.02)
        log.put({"loss": 3.0}, 1)
        wait_for(lambda: len(failed) > 2)
        log.put({"loss": 2.0}, 2)
        wait_for(lambda: failed[-1] == 2)
    assert registry.log_points == really
    wait_for(lambda: len(history(registry, run, "loss")) == 2)
    log.close()
    assert history(registry, run, "loss") == [(1, 3.0), (2, 2.0)]


def test_a_server_that_never_comes_back_is_said_at_the_end(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError("no server")

    log = RunLog(registry, registry.start_run("desk", "training", {}), send_seconds=0.02)
    monkeypatch.setattr(registry, "log_points", down)
    log.put({"loss": 3.0}, 1)
    with pytest.raises(ConnectionError):
        log.close()


def test_what_is_sent_again_is_kept_once_and_the_run_that_goes_on_is_running(
    registry: Registry,
) -> None:
    for life in (1, 2):
        run = registry.ensure_run("desk", "training", {"paddock.fingerprint": "f"})
        assert registry.run_status(run) == "RUNNING"
        log = RunLog(registry, run)
        for step in range(1, 3 + life):
            log.put({"loss": 1.0}, step, at=1000.0 + step)
        log.close()
        registry.finish_run(run, failed=True)
        assert registry.run_status(run) == "FAILED"
    assert history(registry, run, "loss") == [(step, 1.0) for step in range(1, 5)]


def test_the_machine_s_own_figures_go_along(registry: Registry) -> None:
    run = registry.start_run("desk", "training", {})
    log = RunLog(registry, run, sample=machine_sampler(), send_seconds=0.02, sample_seconds=0.1)
    log.put({"loss": 1.0}, 1)
    names = {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/disk_available_megabytes",
        "system/network_receive_megabytes",
    }
    wait_for(lambda: len(history(registry, run, "system/cpu_utilization_percentage")) > 2)
    log.close()
    metrics = registry.client.get_run(run).data.metrics
    assert names <= set(metrics)
    assert metrics["system/system_memory_usage_megabytes"] > 100
    steps = [step for step, _ in history(registry, run, "system/disk_available_megabytes")]
    assert steps == sorted(steps) and len(set(steps)) == len(steps)


def test_the_work_s_figures_are_first_since_pages_of_compared_runs_open_on_the_first(
    registry: Registry,
) -> None:
    run = registry.start_run("desk", "training", {})
    log = RunLog(
        registry, run, sample=lambda: {"load": 1.0}, send_seconds=0.02, sample_seconds=0.05
    )
    time.sleep(0.3)
    assert registry.client.get_run(run).data.metrics == {}
    log.put({"loss": 2.0, "gradient_norm": 1.0}, 1)
    wait_for(lambda: len(history(registry, run, "system/load")) > 3)
    log.close()
    assert next(iter(registry.client.get_run(run).data.metrics)) == "loss"
    idle = registry.start_run("desk", "ended before its first step", {})
    log = RunLog(registry, idle, sample=lambda: {"load": 1.0}, send_seconds=0.02)
    time.sleep(0.1)
    log.close()
    assert registry.client.get_run(idle).data.metrics == {"system/load": 1.0}


def test_a_parameter_that_a_run_has_stays(registry: Registry) -> None:
    run = registry.start_run("desk", "training", {})
    registry.log_parameters(run, {"base_model": "tiny", "epochs": 1})
    registry.log_parameters(run, {"base_model": "another name of the same", "rows": 7})
    params = registry.client.get_run(run).data.params
    assert params == {"base_model": "tiny", "epochs": "1", "rows": "7"}


def test_a_sampler_that_fails_does_not_end_the_log(registry: Registry) -> None:
    def broken() -> Mapping[str, float]:
        raise RuntimeError("the driver is gone")

    run = registry.start_run("desk", "training", {})
    log = RunLog(registry, run, sample=broken, send_seconds=0.02, sample_seconds=0.02)
    log.put({"loss": 3.0}, 1)
    time.sleep(0.2)
    log.close()
    assert history(registry, run, "loss") == [(1, 3.0)]
