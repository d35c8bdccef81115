"""`paddock compare`: what is recorded of several models, side by side, as table, CSV or JSON.

Parameters are shown where they differ; figures with their 95% intervals. Writes nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flows.asking.command_words import text_of
from flows.asking.comparing_parameters import CompareParameters
from flows.showing.history import harmless
from flows.showing.recorded import Recorded, recorded
from flows.workshop.parts import Workshop

_WIDEST = 44  # characters of a cell in the table; csv and json have all of it
_LABELS = {
    "first_loss": "first loss",
    "final_loss": "final loss",
    "validation_loss": "validation loss",
    "rows_cut": "rows cut",
    "trainable_parameters": "trainable parameters",
    "tokens_per_second": "tokens/s, loading too",
}


class Row(NamedTuple):
    """A line of the table: what it is about, its name, and a cell a model."""

    group: str
    name: str
    cells: tuple[str, ...]


def compare(workshop: Workshop, parameters: CompareParameters) -> str:
    """Return the comparison in the format that was asked for."""
    found = [recorded(workshop, parameters.name, given) for given in parameters.models]
    return _WRITERS[parameters.format](found)


def rows_of(found: Sequence[Recorded]) -> Iterator[Row]:
    """Yield the lines: what each is, what differs in how it was made, how it went and scored."""
    for key in _keys(one.about for one in found):
        yield Row("model", key, tuple(one.about.get(key, "") for one in found))
    for key in sorted(_keys(one.made for one in found)):
        cells = tuple(_text(one.made.get(key)) for one in found)
        if len(set(cells)) > 1:
            yield Row("parameters", key.replace("_", "-"), cells)
    for key in _keys(one.training for one in found):
        cells = tuple(_text(one.training.get(key)) for one in found)
        if any(cells):
            yield Row("training", _LABELS.get(key, key), cells)
    for key in sorted(_keys(one.metrics for one in found)):
        yield Row("scores", key, tuple(_figure(one, key) for one in found))
    for key in _keys(one.gates for one in found):
        yield Row("gates", key, tuple(one.gates.get(key, "not asked") for one in found))


def notes_of(found: Sequence[Recorded]) -> list[str]:
    """Return what keeps figures from being compared: other cases under the same name."""
    notes: list[str] = []
    for name in sorted(_keys(one.eval_sets for one in found)):
        asked = {one.eval_sets[name] for one in found if name in one.eval_sets}
        if len(asked) > 1:
            notes.append(f"{name} was asked in several versions: its figures are not comparable")
    notes += [f"{one.title} was not evaluated" for one in found if not one.metrics]
    return notes


def _figure(one: Recorded, key: str) -> str:
    metric = one.metrics.get(key)
    estimate = metric and metric.scores.get("candidate")
    return estimate.shown(metric.unit) if metric and estimate else "missing"


def _keys(parts: Any) -> list[str]:
    return list(dict.fromkeys(key for part in parts for key in part))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return text_of(tuple(value)) if isinstance(value, list | tuple) else str(value)


def _table(found: Sequence[Recorded]) -> str:
    rows = list(rows_of(found))
    titles = tuple(one.title for one in found)
    cut = [row._replace(cells=tuple(map(_short, row.cells))) for row in rows]
    widths = [max(len(cell) for cell in column) for column in _columns(titles, cut)]
    first = max(len(row.name) for row in rows) + 2
    lines = [(" " * first + _line(titles, widths)).rstrip()]
    group = ""
    for row in cut:
        if row.group != group:
            group = row.group
            lines += ["", group]
        lines.append(f"  {row.name:{first - 2}s}{_line(row.cells, widths)}".rstrip())
    lines += [""] * bool(notes := notes_of(found)) + [f"Note: {note}" for note in notes]
    return "\n".join(lines) + "\n"


def _columns(titles: tuple[str, ...], rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    yield from zip(titles, *(row.cells for row in rows), strict=True)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"  {cell:{width}s}" for cell, width in zip(cells, widths, strict=True))


def _short(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…"


def _csv(found: Sequence[Recorded]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["group", "name", *(harmless(one.title) for one in found)])
    for row in rows_of(found):
        writer.writerow([row.group, row.name, *map(harmless, row.cells)])
    return out.getvalue()


def _json(found: Sequence[Recorded]) -> str:
    content = {
        "models": [one.model_dump(mode="json") for one in found],
        "notes": notes_of(found),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


_WRITERS: Mapping[str, Callable[[Sequence[Recorded]], str]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
}
