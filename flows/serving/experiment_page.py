"""An experiment's page: what was asked, what can be said, the difference over time as a picture.

Scalable vector graphics, by hand: no library, no script. Writes the page into the store.
"""

from __future__ import annotations

import base64
from html import escape

from flows.serving.canary_ticks import Record
from flows.showing.html_pages import page
from tasks.experiment.judge import Experiment
from tasks.experiment.metrics import METRICS
from tasks.experiment.words import question, says, table
from tasks.storage.objects import ObjectStore

_WIDTH, _HEIGHT, _LEFT, _FOOT = 760, 260, 80, 24  # pixels
_GREY, _BLUE, _PALE = "#5a6375", "#4d7a96", "#d5e2ea"
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"


def markdown(record: Record, experiment: Experiment) -> str:
    """Return the page as text: where it is, what it says, both arms."""
    return "\n".join(_lines(record, experiment))


def shown_in_prefect(record: Record, experiment: Experiment) -> str:
    """Return the page with its picture in it, as an address that holds it."""
    picture = base64.b64encode(plot(experiment).encode()).decode()
    address = f"data:image/svg+xml;base64,{picture}"
    return f"{markdown(record, experiment)}\n\n![the difference over time]({address})\n"


def keep_page(store: ObjectStore, record: Record, experiment: Experiment) -> str:
    """Keep the page in the store, and return its key."""
    state = record.state
    key = f"experiments/{state.name}/{state.began:%Y%m%dT%H%M%S}.html"
    store.write(key, html(record, experiment).encode())
    return key


def html(record: Record, experiment: Experiment) -> str:
    """Return the page in one HTML file."""
    first, *rest = _lines(record, experiment)
    title = first.removeprefix("# ")
    text = escape("\n".join(rest).replace("**", ""))
    body = f"<h1>{escape(title)}</h1>\n{plot(experiment)}\n<pre>{text}</pre>"
    return page(title, _STYLE + "pre{overflow-x:auto}", body)


def plot(experiment: Experiment) -> str:
    """Return the picture: the difference at each look, and what no look refutes."""
    looks, asked = experiment.looks, experiment.asked
    if not looks:
        return _svg(_text(_LEFT, 20, f"nothing to draw yet: {experiment.lacks}"))
    scale = 100.0  # points, or percent
    most = scale * max(2 * asked.effect, *(min(4 * asked.effect, abs(x.difference)) for x in looks))
    began = looks[0].at
    hours = [(one.at - began).total_seconds() / 3600 for one in looks]
    wide = max(hours) or 1.0

    def x(hour: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 10) * hour / wide

    def y(value: float) -> float:
        cut = min(most, max(-most, scale * value))
        return (_HEIGHT - _FOOT) / 2 * (1 - cut / most)

    upper = [f"{x(h):.1f},{y(one.high):.1f}" for h, one in zip(hours, looks, strict=True)]
    lower = [f"{x(h):.1f},{y(one.low):.1f}" for h, one in zip(hours, looks, strict=True)]
    line = [f"{x(h):.1f},{y(one.difference):.1f}" for h, one in zip(hours, looks, strict=True)]
    unit = "points" if METRICS[asked.metric].share else "%"
    parts = [
        f"<polygon points='{' '.join([*upper, *reversed(lower)])}' fill='{_PALE}'/>",
        *(_level(y(value)) for value in (-asked.effect, 0.0, asked.effect)),
        f"<polyline points='{' '.join(line)}' fill='none' stroke='{_BLUE}' stroke-width='2'/>",
        *(
            f"<circle cx='{p.split(',')[0]}' cy='{p.split(',')[1]}' r='2' fill='{_BLUE}'/>"
            for p in line[-1:]
        ),
        _text(0, 12, f"{most:+.3g} {unit}"),
        _text(0, y(0.0) + 4, "B - A = 0"),
        _text(0, _HEIGHT - _FOOT, f"{-most:+.3g}"),
        _text(_LEFT, _HEIGHT - 4, f"{began:%Y-%m-%d %H:%M} UTC, the first look"),
        _text(_WIDTH - 190, _HEIGHT - 4, f"{looks[-1].at:%Y-%m-%d %H:%M} UTC"),
    ]
    return _svg("".join(parts))


def _lines(record: Record, experiment: Experiment) -> list[str]:
    state, asked = record.state, experiment.asked
    where = state.ended or (
        f"{state.weights.canary:g} % of the users in each arm"
        if state.weights.canary
        else "waits for the candidate's process"
    )
    why = f" Why: {state.why}." if state.why else ""
    lines = [
        f"# Experiment of {state.name}: version {state.candidate.version} (B) beside version "
        f"{state.champion.version} (A)",
        "",
        f"Asked: {question(asked)}.",
        "",
        f"**{says(experiment)}.**",
        "",
        f"It began {state.began:%Y-%m-%d %H:%M} UTC, for {asked.hours:g} hours; now: {where}.{why}",
        "",
        *table(experiment),
    ]
    if experiment.looks:
        lines += [
            "",
            f"{len(experiment.looks)} looks; the newest with {experiment.looks[-1].n_a:,} and "
            f"{experiment.looks[-1].n_b:,} requests. Only what was asked is tested; the other "
            "lines are for information.",
        ]
    return lines


def _level(at: float) -> str:
    return (
        f"<line x1='{_LEFT}' x2='{_WIDTH - 10}' y1='{at:.1f}' y2='{at:.1f}' stroke='{_GREY}' "
        "stroke-dasharray='3 4'/>"
    )


def _svg(parts: str) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' width='100%' "
        "font-size='12' role='img' aria-label='the difference of B and A over time, with all that "
        f"no look refutes'>{parts}</svg>"
    )


def _text(x: float, y: float, text: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='{_GREY}'>{escape(text)}</text>"
