"""Alerts: real promtool runs their tests, and each has a severity, a page and a test that fires."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.measuring.figures import KINDS

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "deploy" / "prometheus"
PAGES = CHECKOUT / "docs" / "runbooks"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
PAGE = "{{ $externalLabels.paddock_docs }}/runbooks/"


def _rules() -> list[dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in _rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in _rules() if "record" in rule}
each_alert = pytest.mark.parametrize("alert", ALERTS)


def promtool(*words: str) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(
        ["promtool", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_every_rule() -> None:
    said = promtool("check", "config", str(FOLDER / "prometheus.yml"))
    assert f"{len(RULES)} rule files found" in said


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_must_and_rest_otherwise(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(file))


@each_alert
def test_an_alert_is_tested_both_ways(alert: str) -> None:
    groups = [group for file in TESTS for group in yaml.safe_load(file.read_text())["tests"]]
    cases = [one for group in groups for one in group["alert_rule_test"]]
    found = [bool(one["exp_alerts"]) for one in cases if one["alertname"] == alert]
    assert set(found) == {True, False}


@each_alert
def test_an_alert_says_how_urgent_it_is_and_where_its_runbook_is(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    page = rule["annotations"]["runbook_url"]
    assert page.startswith(PAGE)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", alert.removeprefix("Paddock")).lower()
    assert page.removeprefix(PAGE) == f"{name}.md"


def metrics_in(query: str) -> set[str]:
    """Return the metrics of ours, and what is recorded of them, that a query names."""
    return set(re.findall(r"\b(?:[a-z]+:)?paddock_\w+(?::[a-z]+)?", query))


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_reads_only_metrics_that_there_are(rule: dict[str, Any]) -> None:
    found = metrics_in(rule["expr"]) - {"paddock_docs"}
    assert found - set(KINDS) - RECORDED == set()
    assert found or 'job="paddock"' in rule["expr"]
