"""Pages for people in one HTML file, without scripts or outside links. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def page(title: str, style: str, body: str) -> str:
    """Return a page; the title is text, style and body are as they are to stand there."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f"<body>{body}\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; what people wrote is text in it."""
    titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead>\n<tbody>\n{lines}\n</tbody></table>"
