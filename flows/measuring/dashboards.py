"""Makes the dashboards for Grafana: `python -m flows.measuring.dashboards`.

Three boards for three readers: who decides, who is on call, who looks for a cause. Reads
deploy/grafana/boards.toml; writes deploy/grafana/*.json, which Grafana loads as they are
(docs/monitoring.md). A test runs every query and holds the files to what is made here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from data_contracts.records import Frozen
from flows.workshop.settings import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "grafana"
DATA = {"type": "prometheus", "uid": "${data}"}
WIDTH, HEIGHT = 24, 8  # of a dashboard, and of a panel, in Grafana's units


class Panel(Frozen):
    """A panel with its one query. `unit` and `look` are Grafana's words."""

    title: str
    look: Literal["stat", "timeseries", "bargauge"]
    unit: str
    query: str
    legend: str
    width: int


class Board(Frozen):
    """A dashboard: for whom it is, how far back it looks, its panels in order."""

    title: str
    about: str
    since: str
    panels: tuple[Panel, ...]


def read_boards() -> dict[str, Board]:
    """Return the boards by the names of their files."""
    told = tomllib.loads((FOLDER / "boards.toml").read_text())
    return {name: Board.model_validate(board) for name, board in told.items()}


def dashboard(name: str, board: Board) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    return {
        "uid": f"paddock-{name.replace('_', '-')}",
        "title": board.title,
        "description": board.about,
        "tags": ["paddock"],
        "timezone": "utc",
        "editable": True,
        "graphTooltip": 1,  # one crosshair over all panels
        "schemaVersion": 36,
        "refresh": "1m",
        "time": {"from": board.since, "to": "now"},
        "templating": {"list": _variables()},
        "panels": _placed(board.panels),
    }


def _variables() -> Sequence[Mapping[str, Any]]:
    models = "label_values(paddock_retraining_timestamp_seconds, model)"
    every = {"includeAll": True, "allValue": ".*", "multi": True, "refresh": 2}
    chosen = {"current": {"text": "All", "value": "$__all"}}
    asked = {"type": "query", "name": "model", "label": "Model", "datasource": DATA}
    return [
        {"type": "datasource", "name": "data", "label": "Prometheus", "query": "prometheus"},
        {**asked, "query": models, **every, **chosen},
    ]


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Return panels one beside the other, in rows of equal height."""
    found: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + HEIGHT
        found.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": HEIGHT}))
        x += panel.width
    return found


def _panel(number: int, panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    latest = panel.look != "timeseries"
    query = {"refId": "A", "datasource": DATA, "expr": panel.query, "legendFormat": panel.legend}
    return {
        "id": number,
        "type": panel.look,
        "title": panel.title,
        "datasource": DATA,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{**query, "instant": latest, "range": not latest}],
    }


def text(name: str, board: Board) -> str:
    """Return a dashboard as its file holds it."""
    return json.dumps(dashboard(name, board), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the dashboards."""
    for name, board in read_boards().items():
        (FOLDER / f"{name}.json").write_text(text(name, board))


if __name__ == "__main__":
    main()
