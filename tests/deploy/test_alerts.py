"""Alerts: real promtool runs their tests, and each has a severity, a page and a test that fires."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
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


# Of one that several promises have, the first: its urgency is the most that it can be.
ALERTS = {rule["alert"]: rule for rule in reversed(_rules()) if "alert" in rule}
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
    for rule in (one for one in _rules() if one.get("alert") == alert):
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "runbook_url"}
        page = rule["annotations"]["runbook_url"]
        assert page.startswith(PAGE)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", alert.removeprefix("Paddock")).lower()
        assert page.removeprefix(PAGE) == f"{name}.md"
        assert rule["labels"].get("slo") is None or rule["labels"]["owner"]


def metrics_in(query: str) -> set[str]:
    """Return the metrics of ours, and what is recorded of them, that a query names."""
    return set(re.findall(r"\b(?:[a-z]+:)?paddock_\w+(?::[a-z]+)?", query))


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_reads_only_metrics_that_there_are(rule: dict[str, Any]) -> None:
    found = metrics_in(rule["expr"]) - {"paddock_docs"}
    assert found - set(KINDS) - RECORDED == set()
    assert found or 'job="paddock"' in rule["expr"]


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    named = {
        rule["annotations"]["runbook_url"].removeprefix(PAGE): name for name, rule in ALERTS.items()
    }
    there = {page.name: _head(page) for page in PAGES.glob("*.md") if page.name != "index.md"}
    assert there == named
    listed = (PAGES / "index.md").read_text()
    assert [name for name in named if f"]({name})" not in listed] == []


def _head(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")


@pytest.mark.parametrize("page", sorted(PAGES.glob("*_*.md")), ids=lambda page: page.stem)
def test_a_runbook_looks_and_does_with_commands_that_exist(page: Path) -> None:
    """The words of `paddock` are held to the command by tests/test_docs.py, as on every page."""
    text = page.read_text()
    looks, does = re.findall(r"```sh\n(.*?)```\n\n## Do\n\n(.*)", text, re.S)[0]
    assert all(re.match(r"\d\. ", step) for step in does.strip().split("\n") if step)
    words = [line.partition("#")[0].split() for line in looks.splitlines()]
    spans = [span.split() for span in re.findall(r"`(prefect [^`]+)`", text)]
    pipes = [command for line in words for command in _commands(line)]
    assert [name for name in pipes if name != "paddock" and not shutil.which(name)] == []
    for prefect, *given in spans:
        _require_prefect_takes(prefect, *given)


def _commands(line: list[str]) -> list[str]:
    """Return the programs of a line, also behind pipes."""
    return [word for before, word in zip(["|", *line], line, strict=False) if before == "|"]


def _require_prefect_takes(*words: str) -> None:
    command = [word for word in words if not word.startswith("--")]
    group = [str(Path(sys.executable).with_name("prefect")), *command[1:3], "--help"]
    done = subprocess.run(group, capture_output=True, text=True, timeout=60, check=True)
    assert [word for word in words if word.startswith("--") and word not in done.stdout] == []


def test_the_pages_say_every_metric_and_alert_there_is() -> None:
    page = (CHECKOUT / "docs" / "monitoring.md").read_text()
    rows = [
        f"| `{name}` | {', '.join(kind.labels)} | {kind.about} |" for name, kind in KINDS.items()
    ]
    assert [row for row in rows if row not in page] == []
    assert page.count("\n| `paddock_") == len(KINDS)
    for name, rule in ALERTS.items():
        file = rule["annotations"]["runbook_url"].removeprefix(PAGE)
        assert f"| [{name}](runbooks/{file}) | {rule['labels']['severity']} |" in page
        assert f"for {rule['for']} |" in page
