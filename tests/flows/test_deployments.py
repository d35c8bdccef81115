"""The deployments load as Prefect loads them, and show people the forms they are known by."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.asking.groups import GROUPS
from flows.asking.parameters import RetrainParameters
from flows.command.commands import COMMANDS
from flows.showing.turns import TAKES_TURNS

HERE = Path(__file__).parent
RENEW = "python tests/flows/read_deployments.py > tests/flows/deployments.json"


@pytest.fixture(scope="module")
def read_deployments(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., dict[str, Any]]:
    """Return a function that reads them in an interpreter and a working directory of its own."""

    def read(*words: str) -> dict[str, Any]:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        result = subprocess.run(
            [sys.executable, str(HERE / "read_deployments.py"), *words],
            cwd=elsewhere,
            env={**os.environ, "PREFECT_HOME": str(elsewhere / "prefect")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return json.loads(result.stdout)

    return read


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads((HERE / "deployments.json").read_text())


def test_module_entrypoints_load_and_are_as_agreed(
    read_deployments: Callable[..., dict[str, Any]], golden: dict[str, Any]
) -> None:
    assert read_deployments() == golden, f"if the change is meant: {RENEW}"


def test_file_entrypoints_load_from_another_working_directory(
    read_deployments: Callable[..., dict[str, Any]], golden: dict[str, Any]
) -> None:
    """Prefect then puts flows/ first on the path: a file named like a library would be found."""
    assert read_deployments("files") == golden


def test_what_starts_by_itself_never_overlaps_itself(golden: dict[str, Any]) -> None:
    for name, entry in golden.items():
        waits = name.partition("/")[0] in TAKES_TURNS  # for its turn, and says for whom
        limit, collision = (None, None) if waits else (1, "CANCEL_NEW")
        wanted = {"work_pool": "cpu", "limit": limit, "collision": collision, "environment": {}}
        assert entry["machine"] == wanted, name
    scheduled = {name for name, entry in golden.items() if entry["schedules"]}
    # A rollback has to say why, so nobody but a person starts it; a retraining ingests by itself.
    ours = {
        "retrain",
        "evaluate",
        "monitor_drift",
        "review",
        "promote",
        "compact_log",
        "weekly_report",
    }
    of_all = {"reconcile/reconcile", "clean/clean"}
    of_all |= {"probe_index/probe_index", "refresh_index/refresh_index"}
    assert scheduled == of_all | {f"{flow}/help-desk" for flow in ours}
    for flow in ("rollback", "retire"):
        assert golden[f"{flow}/help-desk"]["required_fields"] == ["reason"]


def test_no_form_takes_the_demo_for_what_nobody_typed(golden: dict[str, Any]) -> None:
    for name, entry in golden.items():
        field = entry["fields"].get("name", {})
        if name.endswith("/help-desk"):
            assert (field["default"], field["enum"]) == ("help-desk", ["help-desk"])
        elif "anyOf" not in field and field:
            assert "default" not in field and "name" in entry["required_fields"], name
    assert "default" not in golden["retrain/retrain"]["fields"]["source"]


def test_the_form_explains_every_field(golden: dict[str, Any]) -> None:
    for name, entry in golden.items():
        for field, schema in _all_fields(entry["fields"]):
            assert schema["description"].endswith("."), f"{name}: {field}"


def test_the_retraining_form_is_the_command(golden: dict[str, Any]) -> None:
    fields = golden["retrain/help-desk"]["fields"]
    in_front = {"name", "source", "contract", "base", "num_train_epochs"}
    assert set(fields) == in_front | set(GROUPS)
    every = [name for name, _ in _all_fields(fields) if name not in GROUPS]
    assert sorted(every) == sorted(RetrainParameters.model_fields)
    assert fields["num_train_epochs"]["minimum"] == 1


def _all_fields(fields: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in fields.items():
        yield name, schema
        if name in GROUPS:
            yield from schema["anyOf"][0]["properties"].items()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_the_form_says(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.command.cli import main

    monkeypatch.setenv("COLUMNS", "4000")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    for name, field in COMMANDS[command][0].model_fields.items():
        positional = f" {name.upper()}"
        option = (field.alias or name).replace("_", "-")  # `from` is no name of a field in Python
        assert f"--{option}" in text or positional in text
        assert field.description is not None
        assert field.description in text, name
        if field.default not in ("", None, ()) and not field.is_required():
            assert f"{field.description} (default: {field.default})" in text
