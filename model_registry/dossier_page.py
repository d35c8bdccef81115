"""The dossier as a page that people like to read: one HTML file without scripts or outside links.

Needs a dossier and its scorecard. Writes nothing: dossier.py stores it beside the JSON, under the
same signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from model_registry.dossier import Dossier, rated_text
from model_registry.gates import GateResult
from model_registry.lost_cases import LostCases
from model_registry.scorecard import MetricResult, Role, Scorecard

_ROLES: tuple[Role, ...] = ("base", "champion", "candidate")
_WIDTH, _ROW, _LABEL = 760, 26, 300  # pixels of the plot of gates
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1d2330; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem;
       border-bottom: 1px solid #dde1ea; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.passed { color: #11643a; } .refused { color: #a3231f; } code { font-size: .85em;
       overflow-wrap: anywhere; } .why { color: #5a6375; }
"""


def dossier_html(dossier: Dossier, scorecard: Scorecard) -> str:
    """Return the page."""
    verdict = dossier.verdict
    word = "passed" if verdict.passed else "refused"
    state = "refused" if verdict.state == "failed" else verdict.state
    title = f"{dossier.candidate} version {dossier.version}"
    parts = [
        f"<h1>{escape(title)}: <span class='{word}'>{state}</span></h1>",
        f"<p>{escape(_summary(dossier))}</p>",
        "<h2>Gates</h2>",
        _plot(verdict.gates, scorecard.metrics),
        _table(
            ("gate", "verdict", "what was found", "why it is asked"),
            [
                (g.gate.id, g.verdict, g.reason, g.gate.why)
                for g in sorted(verdict.gates, key=lambda entry: entry.passed)
            ],
        ),
        "<h2>Figures (95% intervals)</h2>",
        _figures(scorecard),
        *[f"<p class='why'>{escape(note)}</p>" for note in scorecard.notes],
        *_lost(dossier.lost),
        "<h2>What people said</h2>",
        _said(dossier),
        "<h2>Where it comes from</h2>",
        _table(("what", ""), _lineage(dossier), code=True),
        "<h2>How to check this</h2>",
        "<p>This page lies beside <code>dossier.json</code>, and one signature covers both. "
        "<code>paddock dossier verify --folder FOLDER --key signing.pub</code> checks it without a "
        "server.</p>",
    ]
    body = "\n".join(parts)
    return (
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _summary(dossier: Dossier) -> str:
    verdict = dossier.verdict
    failed = [result.gate.id for result in verdict.gates if not result.passed]
    against = (
        f"champion version {dossier.champion.version}"
        if dossier.champion
        else "the base model, since nothing served then"
    )
    gates = (
        f"All {len(verdict.gates)} gates of policy {verdict.policy} passed"
        if verdict.passed
        else f"{len(failed)} of {len(verdict.gates)} gates of policy {verdict.policy} refused it "
        f"({', '.join(failed)})"
    )
    return (
        f"{gates}. It was compared with {against}. The evidence was made on "
        f"{dossier.created[:10]} and holds until {dossier.expires[:16].replace('T', ' ')} UTC."
    )


def _figures(scorecard: Scorecard) -> str:
    roles: list[Role] = [role for role in _ROLES if role in scorecard.models]
    rows = [
        [key, *(_cell(metric, role) for role in roles)]
        for key, metric in sorted(scorecard.metrics.items())
    ]
    return _table(("figure", *roles), rows, numbers=True)


def _cell(metric: MetricResult, role: Role) -> str:
    estimate = metric.scores.get(role)
    return estimate.shown(metric.unit) if estimate else "missing"


def _lost(found: LostCases | None) -> list[str]:
    """Return what the reference had right and the candidate has wrong, case by case."""
    if found is None:
        return []
    counts = [(figure, str(n), str(found.won.get(figure, 0))) for figure, n in found.lost.items()]
    cases = [
        (case.case_id, ", ".join(case.figures), case.prompt, case.was, case.now)
        for case in found.cases
    ]
    more = f"<p>{found.left_out} more stand in the scorecard.</p>" if found.left_out else ""
    head = ("case", "figures", "asked", f"the {found.reference}", "the candidate")
    return [
        f"<h2>Right for the {found.reference}, wrong for the candidate</h2>",
        _table(("figure", "lost", "won"), counts, numbers=True),
        _table(head, cases) + more if cases else "<p>None.</p>",
    ]


def _said(dossier: Dossier) -> str:
    said = dossier.human_review
    figures = _table(("", ""), [(key, f"{value:g}") for key, value in said.items()]) if said else ""
    declined = [
        f"{no.person} said no on {no.at[:10]}: {no.reason or 'no reason given'}"
        for no in dossier.declined_before
    ]
    listed = "".join(f"<li>{escape(no)}</li>" for no in declined)
    nobody = rated_text(dossier)
    return (figures or f"<p>{escape(nobody[:1].upper() + nobody[1:])}.</p>") + (
        f"<ul>{listed}</ul>" if listed else ""
    )


def _lineage(dossier: Dossier) -> list[tuple[str, str]]:
    return [
        ("dossier", dossier.identity),
        ("candidate", dossier.digest),
        ("files", dossier.files_digest),
        ("tokenizer", dossier.tokenizer_digest),
        ("model card", dossier.card_digest),
        ("scorecard", dossier.scorecard_digest),
        *dossier.references.items(),
        ("policy", dossier.verdict.policy_digest),
        ("code revision", dossier.code_revision),
    ]


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False, code: bool = False
) -> str:
    def cell(index: int, text: str) -> str:
        shown = f"<code>{escape(text)}</code>" if code and index else escape(text)
        return f"<td class='n'>{shown}</td>" if numbers and index else f"<td>{shown}</td>"

    lines = "\n".join(
        f"<tr>{''.join(cell(index, text) for index, text in enumerate(row))}</tr>" for row in rows
    )
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><tr>{titles}</tr>\n{lines}</table>"


def _plot(results: Sequence[GateResult], metrics: Mapping[str, MetricResult]) -> str:
    """Draw what each gate judged, from -1 to 1: the figure, its interval, and the limit in red."""
    drawn = [
        r
        for r in results
        if r.figure is not None
        and not r.figure.missing
        and r.gate.metric in metrics
        and metrics[r.gate.metric].unit.bounds == (0.0, 1.0)
    ]
    if not drawn:
        return ""
    height = _ROW * len(drawn) + 30
    lines = [_gate_line(index, result, metrics) for index, result in enumerate(drawn)]
    axis = "".join(
        f"<line x1='{_x(at):.0f}' x2='{_x(at):.0f}' y1='0' y2='{height - 24}' stroke='#dde1ea'/>"
        f"<text x='{_x(at):.0f}' y='{height - 8}' text-anchor='middle' fill='#5a6375'>"
        f"{at:+.1f}</text>"
        for at in (-1.0, -0.5, 0.0, 0.5, 1.0)
    )
    return (
        f"<svg viewBox='0 0 {_WIDTH} {height}' width='100%' font-size='13' role='img' "
        f"aria-label='what each gate judged, and its limit'>{axis}{''.join(lines)}</svg>"
    )


def _gate_line(index: int, result: GateResult, metrics: Mapping[str, MetricResult]) -> str:
    figure, y = result.figure, index * _ROW + 14
    if figure is None or figure.low is None or figure.high is None or figure.value is None:
        return ""
    loss = result.gate.rule == "not_worse_than"
    sign = (1 if metrics[result.gate.metric].higher_is_better else -1) if _compares(result) else 1
    limit = _x(sign * (-result.gate.value if loss else result.gate.value))
    colour = "#11643a" if result.passed else "#a3231f"
    return (
        f"<text x='0' y='{y + 4}'>{escape(result.gate.id[:42])}</text>"
        f"<line x1='{_x(figure.low):.1f}' x2='{_x(figure.high):.1f}' y1='{y}' y2='{y}' "
        f"stroke='{colour}' stroke-width='3'/>"
        f"<circle cx='{_x(figure.value):.1f}' cy='{y}' r='4' fill='{colour}'/>"
        f"<line x1='{limit:.1f}' x2='{limit:.1f}' y1='{y - 9}' y2='{y + 9}' stroke='#d9534f' "
        "stroke-dasharray='3 2' stroke-width='2'/>"
    )


def _compares(result: GateResult) -> bool:
    return result.gate.rule in ("not_worse_than", "improves_by")


def _x(value: float) -> float:
    return _LABEL + (max(-1.0, min(1.0, value)) + 1) / 2 * (_WIDTH - _LABEL - 10)
