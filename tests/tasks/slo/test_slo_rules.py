"""Promises as rules: the committed file is what is rendered, and an alert can always fire."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_contracts.errors import InputError
from tasks.serving.specification import read_specification
from tasks.slo.burning import factors, pairs_of
from tasks.slo.objectives import Objective, Promises, promises_of
from tasks.slo.rules import rules_of

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_committed_rules_are_those_of_the_file_that_ships() -> None:
    file = CHECKOUT / "deploy" / "serving.toml"
    promises = promises_of(read_specification(file).slo, str(file))
    assert promises == Promises()
    committed = (CHECKOUT / "deploy" / "prometheus" / "rules" / "slo.yml").read_text()
    assert rules_of(promises, "help-desk") == committed


def test_a_tight_promise_has_the_usual_factors_and_a_loose_one_such_as_can_be_seen() -> None:
    tight = Objective(of="success", target=0.999)
    assert factors(tight, 30) == pytest.approx((14.4, 6, 3, 1))
    loose = Objective(of="truncated", target=0.95)
    assert 14.4 * loose.allowed > loose.worst  # the usual one would wait for 72 %
    found = factors(loose, 30)
    assert found[0] * loose.allowed == pytest.approx(loose.worst)
    assert found[-1] == 1
    assert list(found) == sorted(found, reverse=True)
    assert len({round(math.log(a / b), 9) for a, b in itertools.pairwise(found)}) == 1


def test_one_bad_request_never_passes_a_least_rate() -> None:
    for target in (0.9, 0.99, 0.999):
        for pair in pairs_of(Objective(of="success", target=target), 30):
            assert pair.least_rate * pair.long * pair.threshold >= 5
    mine = Objective(of="success", target=0.999, least_rate=600)
    assert {pair.least_rate for pair in pairs_of(mine, 30)} == {600}


def test_a_promise_of_ones_own_stands_in_each_alert() -> None:
    own = {
        "owner": "desk",
        "objectives": {
            "quick": {
                "of": "latency",
                "target": 0.99,
                "at_most_ms": 800,
                "severity": "ticket",
                "runbook": "https://wiki.example/quick",
                "pauses": True,
            },
            "success": {"target": 0.99, "owner": "platform"},
        },
    }
    text = rules_of(promises_of(own, "mine.toml"), "bells")
    groups: list[Any] = yaml.safe_load(text)["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(alerts) == 6
    for rule in alerts:
        quick = rule["labels"]["slo"] == "quick"
        assert rule["labels"]["owner"] == ("desk" if quick else "platform")
        assert rule["labels"].get("pauses") == ("releases" if quick else None)
        assert (rule["annotations"]["runbook_url"] == "https://wiki.example/quick") is quick
        assert rule["labels"]["severity"] == "ticket" or not quick
        assert set(re.findall(r'model="([^"]+)"', rule["expr"])) == {"bells"}
        assert "* 60 >= " in rule["expr"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"objectives": {"latency": {"target": 0.95}}}, "at_most_ms"),
        ({"objectives": {"success": {"target": 1.5}}}, "objectives.success.target"),
        ({"objectives": {"rated": {"target": 0.4, "worst": 0.5}}}, "nothing could ever burn"),
        ({"objectives": {"quick": {"target": 0.9}}}, "objectives.quick.of"),
        ({"objectives": {'a"b': {"of": "success", "target": 0.9}}}, "no name"),
        ({"objectives": {"hallucinated": {"target": 0.95}}}, "eval_sets are for hallucinated"),
        ({"objectives": {"rated": {"target": 0.9, "least": 5}}}, "least is for"),
        ({"days": 7}, "days"),
        ({"goals": 1}, "goals"),
    ],
)
def test_a_promise_that_cannot_be_kept_or_missed_is_refused(table: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        promises_of(table, "mine.toml")
    assert said in refused.value.what
    assert refused.value.where == "mine.toml"


def test_rules_of_quality_promises_fire_when_they_must_by_promtool(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    own = {
        "hallucinated": {"target": 0.95, "eval_sets": ["desk_facts"]},
        "recall": {"target": 0.9},
    }
    (tmp_path / "slo.yml").write_text(rules_of(promises_of({"objectives": own}, ""), "bells"))
    shutil.copyfile(Path(__file__).with_name("quality_rules.yml"), tmp_path / "test.yml")
    words = ["promtool", "test", "rules", "test.yml"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
