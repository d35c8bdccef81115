"""Real servers, a real exporter and a real Prometheus over a home that was lived in."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.measuring.dashboards import Panel, read_boards
from flows.measuring.figures import KINDS
from flows.servers.watchdog import ask
from flows.serving.places import Places
from tasks.human_review.sample import read_sample
from tasks.routing.model import Kept
from tasks.routing.seen import Day, Seen
from tasks.serving.specification import Specification
from tasks.storage.objects import LocalStore
from tests.flows.living.conftest import NAME, Ended, Lived, done
from tests.flows.living.watched import PROMISED, Watched, happen_in_store, requests, watch_home

Run = Callable[..., Ended]
PANELS = [(name, panel) for name, board in read_boards().items() for panel in board.panels]
NEEDS_A_GPU = {name for name in KINDS if name.startswith("paddock_gpu_")}


@pytest.fixture(scope="module")
def home(lived: Lived, terminal: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the home, and let a day of its log be sealed, another come, and drift be found."""
    home = tmp_path_factory.mktemp("watched") / "home"
    shutil.copytree(lived.home, home)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    gateway = home.parent / "gateway.jsonl"
    for days in (9, 3):
        gateway.write_text(requests(noon - timedelta(days=days)))
        done(terminal(home, "log", "import", str(gateway), *NAME))
        if days == 9:
            done(terminal(home, "log", "compact", *NAME))
    done(terminal(home, "reconcile"))
    done(terminal(home, "review", *NAME, "--items", "4"))
    happen_in_store(LocalStore(home / "store"), "shelves")
    promised = home / "serving" / "shelves" / "specification.json"
    promised.parent.mkdir(parents=True)
    promised.write_text(Specification(name="shelves", slo=PROMISED).model_dump_json())
    expected = Kept(asked=860, small=19, saved=0.009, lost=0, lost_low=-0.5, lost_high=0.5)
    days = {noon.date(): Day(decided=50, small=40, margins=2.5, unread=3, slow=1)}
    seen = Seen(name="shelves-router", version=1, digest="a" * 64, expected=expected, days=days)
    Places(home, "shelves").router.write_text(seen.model_dump_json())
    return home


@pytest.fixture(scope="module")
def watched(
    home: Path, terminal: Any, home_environment: Callable[[Path], dict[str, str]]
) -> Iterator[Watched]:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed (Debian's package prometheus)")
    servers, found = watch_home(home, home_environment(home), terminal.prefect_database)
    yield found
    servers.end()


def test_what_happened_is_told(watched: Watched) -> None:
    told, of = watched.told, {"model": "shelves"}
    assert set(told("paddock_source_up")) == {1.0}
    assert told("paddock_serving_version", **of) == [2]
    assert told("paddock_stage_info", version="1", stage="previous", **of) == [1]
    assert told("paddock_releases_total", action="promote", **of) == [2]
    assert told("paddock_retrainings_total", verdict="passed", **of) == [4]
    assert told("paddock_training_cost_total", **of) == [1.25]
    assert told("paddock_week_allowed", budget="gpu_hours", **of) == [8]
    (spent,) = told("paddock_week_spent", budget="cost", **of)
    assert 0 < spent < 20
    assert told("paddock_gate_passed", version="3", gate="is safe", **of) == [1]
    (asked,) = told("paddock_approval_waits_since_timestamp_seconds", version="3", **of)
    assert time.time() - 3600 < asked < time.time()
    assert told("paddock_slo_requests_total", slo="recall", **of) == [416]
    assert told("paddock_slo_bad_total", slo="recall", **of) == [13]
    (looked,) = told("paddock_slo_looked_timestamp_seconds", slo="recall", **of)
    assert time.time() - 900 < looked < time.time()
    assert told("paddock_router_requests", fate="small", **of) == [40]
    assert told("paddock_router_small_ratio", **of) == [0.8]
    assert told("paddock_router_drifted", **of) == [1]
    assert told("paddock_log_day_rows", fate="kept", **of) == [60]
    assert told("paddock_log_day_rows", fate="quarantined", **of) == [0]
    assert told("paddock_log_day_tokens", kind="prompt", **of) == [600]
    assert told("paddock_log_unsealed_since_timestamp_seconds", **of)
    assert told("paddock_drift_signal_ratio", signal="new topics", **of) == [1.5]
    # How many of four answers are alike, and so asked about once, is the processor's arithmetic.
    samples = map(read_sample, (watched.home / "store/sample").iterdir())
    (answers,) = filter(None, samples)
    assert told("paddock_review_items", state="pending", **of) == [len(answers) + 1]  # one twice
    assert told("paddock_drift_retrainings_total", outcome="running", **of) == [1]
    assert told("paddock_registry_trouble", **of) == [0]
    assert told("paddock_flow_last_run_failed", flow="retrain", **of) == [0]
    assert told("paddock_flow_runs", flow="retrain", state="running", **of) == [1]
    (late,) = told("paddock_flow_run_late_seconds", flow="retrain", **of)
    assert 1790 < late < 2400


def test_every_metric_is_told_of_something(watched: Watched) -> None:
    families = text_string_to_metric_families(watched.scraped())
    names = {one.name for family in families for one in family.samples}
    assert set(KINDS) - names - NEEDS_A_GPU == set()
    assert names - set(KINDS) == set()


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=lambda one: getattr(one, "title", one))
def test_no_panel_is_empty(watched: Watched, board: str, panel: Panel) -> None:
    assert board
    assert watched.asked(panel.query)


def test_every_rule_can_be_worked_out(watched: Watched) -> None:
    groups = ask(f"{watched.prometheus}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 25
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    named = {rule["name"] for rule in rules if rule.get("state") in ("pending", "firing")}
    assert {"PaddockRunsLate", "PaddockLogUnsealed"} <= named
    assert "PaddockExporterDown" not in named


def test_nothing_that_people_wrote_is_told(watched: Watched, planted: dict[str, str]) -> None:
    scraped = watched.scraped()
    assert [name for name, value in planted.items() if value in scraped] == []
    assert "bolts" not in scraped
    assert str(watched.home) not in scraped


def test_a_changed_ledger_is_a_source_that_is_down_and_the_rest_is_told(watched: Watched) -> None:
    with closing(sqlite3.connect(watched.home / "ledger.db")) as ledger:
        ledger.execute("DROP TRIGGER release_ledger_no_update")
        ledger.execute("UPDATE release_ledger SET reason = 'another' WHERE sequence = 1")
        ledger.commit()
    end = time.monotonic() + 40
    while watched.told("paddock_source_up", source="ledger") != [0]:
        assert time.monotonic() < end
        time.sleep(1)
    assert watched.told("paddock_serving_version") == []
    assert watched.told("paddock_source_up", source="runs") == [1]
    assert watched.told("paddock_source_errors_total", source="ledger")[0] >= 1
