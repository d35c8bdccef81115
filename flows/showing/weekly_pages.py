"""The weekly report as Markdown and as one HTML file without scripts or outside links.

Pure functions. What people wrote (reasons, run names) is text there, whatever it looks like.
"""

from __future__ import annotations

from html import escape

from flows.showing.html_pages import page, table
from flows.showing.weekly import Part, WeeklyReport

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #dde1ea;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}"
)
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def markdown(report: WeeklyReport) -> str:
    """Return the report as Markdown."""
    lines = [f"# {_title(report)}", "", _when(report), ""]
    for part in report.parts:
        lines += [f"## {part.title}", "", _plain(part.sentence), "", *_rows(part)]
    return "\n".join(lines).rstrip() + "\n"


def html(report: WeeklyReport) -> str:
    """Return the report as a page."""
    body = [f"<h1>{escape(_title(report))}</h1>", f"<p>{escape(_when(report))}</p>"]
    for part in report.parts:
        body += [f"<h2>{escape(part.title)}</h2>", f"<p>{escape(part.sentence)}</p>"]
        body += [table(part.head, part.rows)] if part.rows else []
    return page(_title(report), _STYLE, "\n".join(body))


def _title(report: WeeklyReport) -> str:
    return f"{report.name} in {report.week}"


def _when(report: WeeklyReport) -> str:
    return f"{report.since} until {report.until} (UTC), as known at {report.made_at}."


def _rows(part: Part) -> list[str]:
    if not part.rows:
        return []
    table = [part.head, tuple("---" for _ in part.head)]
    told = [tuple(_plain(cell) for cell in row) for row in part.rows]
    return [*(f"| {' | '.join(row)} |" for row in [*table, *told]), ""]


def _plain(text: str) -> str:
    return " ".join(text.split()).translate(_MARKS)
