"""The file that ships says what the defaults are, and each entry in it is one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from tasks.canary.policy import CanaryPolicy, read_policy
from tasks.serving.specification import (
    Engine,
    Routing,
    Specification,
    read_specification,
)
from tasks.slo.objectives import Promises, promises_of

OWN = {"tenants", "canary", "slo", "cluster", "router"}  # tables that others read, or examples
SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "serving.toml"


def test_the_file_that_ships_is_the_defaults_with_and_without_its_comments(tmp_path: Path) -> None:
    # The demo's own eval sets say which answers are true; nothing else is set.
    sets = ("desk_facts", "desk_new_facts")
    assert read_specification(SHIPPED) == Specification(canary={"eval_sets": list(sets)})
    entries = re.sub(r"^# (?=\[|\w+ = )", "", SHIPPED.read_text(), flags=re.M)
    told = tomllib.loads(entries)
    assert told.pop("tenants") == {
        "acme": {"requests_per_minute": 600, "tokens_per_day": 2_000_000}
    }
    # What has no default is an example, too.
    examples = {"candidate": told.pop("candidate"), "cluster": told.pop("cluster")}
    assert examples == {"candidate": 4, "cluster": {}}
    assert told["gateway"]["metrics_port"] == 9901
    assert told["engine"].pop("command").startswith("vllm serve {model}")
    whole = tmp_path / "whole.toml"
    for one in ("command", "candidate", "metrics_port"):
        entries = entries.replace(f"{one} =", f"# {one} =")
    whole.write_text(entries)
    assert read_policy(whole) == CanaryPolicy(eval_sets=sets)
    assert promises_of(read_specification(whole).slo, "whole.toml") == Promises()
    assert told.pop("router") == {"name": "help-desk-router", "timeout_ms": 50, "engine": {}}
    assert read_specification(whole).router == Routing(name="help-desk-router", engine=Engine())
    found = read_specification(whole).model_dump(exclude=OWN)
    assert found == Specification().model_dump(exclude=OWN)
    known = Specification().model_dump(exclude=OWN | {"candidate"})
    for table, defaults in known.items():  # and every entry stands there
        named = set(told[table]) if isinstance(defaults, dict) else {table}
        wanted = set(defaults) - {"command"} if isinstance(defaults, dict) else {table}
        assert named == wanted


def test_what_is_given_beside_a_file_stands_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "one"\nport = 9000\n')
    assert read_specification(file, name="two", port=None).name == "two"
    assert read_specification(file, name=None, port=9001).port == 9001
    with pytest.raises(InputError, match=r"none\.toml"):
        read_specification(tmp_path / "none.toml")
