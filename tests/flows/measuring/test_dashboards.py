"""Dashboards are what their table makes, and what Grafana's own schema knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.measuring.dashboards import FOLDER, WIDTH, read_boards, text
from tests.deploy.test_alerts import KINDS, RECORDED, metrics_in

BOARDS = read_boards()
each_board = pytest.mark.parametrize("name", BOARDS)


@each_board
def test_the_file_is_what_the_table_makes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == text(name, BOARDS[name])


@each_board
def test_grafana_reads_every_field(name: str) -> None:
    told = json.loads((FOLDER / f"{name}.json").read_text())
    assert list(_lost(told, _read(told))) == []


def test_a_field_that_grafana_does_not_know_is_noticed() -> None:
    told = json.loads((FOLDER / "debug.json").read_text())
    told["panels"][0]["gridpos"] = told["panels"][0].pop("gridPos")
    told["panels"][1]["targets"][0]["expression"] = "up"
    assert list(_lost(told, _read(told))) == [
        "/panels/0/gridpos",
        "/panels/1/targets/0/expression",
    ]


@each_board
def test_panels_lie_side_by_side_and_ask_for_what_there_is(name: str) -> None:
    told = json.loads((FOLDER / f"{name}.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in told["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and max(columns) < WIDTH, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            assert metrics_in(target["expr"]) - set(KINDS) - RECORDED == set(), panel["title"]


def _read(told: dict[str, Any]) -> Any:
    """Return a dashboard as Grafana's own types write what they read of it."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(told), cls=JSONEncoder))


def _lost(told: Any, read: Any, place: str = "") -> Any:
    """Yield where something that was told was not read, or was read as something else."""
    if isinstance(told, dict):
        for key, value in told.items():
            if isinstance(read, dict) and key in read:
                yield from _lost(value, read[key], f"{place}/{key}")
            else:
                yield f"{place}/{key}"
    elif isinstance(told, list):
        for number, value in enumerate(told):
            found = read[number] if isinstance(read, list) and number < len(read) else None
            yield from _lost(value, found, f"{place}/{number}")
    elif told != read:
        yield place
