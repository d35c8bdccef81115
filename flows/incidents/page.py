"""An incident's page: one HTML file without scripts or outside links, with a postmortem to go on.

What is known is filled in; what only people know is marked as theirs to write. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from flows.incidents.plot import plot
from flows.incidents.words import (
    Table,
    Told,
    agreements,
    answers,
    cut,
    figures,
    groups,
    left_out,
    parts,
    summary,
    timeline,
    title,
    versions,
)
from flows.showing.html_pages import page, table
from tasks.incidents.bundle import Bundle, utc

MOST_PARTS, MOST_ANSWERS = 200, 20  # requests of a replay on the page; the file has all
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;
margin-bottom:1.5rem}
th,td{border-bottom:1px solid #dde1ea;padding:.3rem .6rem;text-align:left;
vertical-align:top;
overflow-wrap:anywhere}code,pre{font-size:.85em;overflow-wrap:anywhere;white-space:pre-wrap}
.people{background:#f6ecd9;padding:.3rem .6rem}
"""
_THEIRS = (
    ("Cause", "why it happened; what changed is above, and a change is no cause yet"),
    ("How it was noticed", "by whom or by which alert, how long after it began"),
    ("What went well, and what did not", "of the response"),
    ("What will be done", "each with who does it, and until when"),
)


def html(told: Told) -> str:
    """Return the page."""
    return page(title(told.bundle), _STYLE, "\n".join(_body(told)))


def _body(told: Told) -> Iterator[str]:
    bundle = told.bundle
    yield f"<h1>{escape(title(bundle))}</h1>"
    yield _said(summary(bundle))
    yield from (_said(f"Note: {note}.") for note in bundle.notes)
    yield "<h2>What can be done</h2>"
    yield _remedies(told)
    yield "<h2>Timeline</h2>"
    yield _table(timeline(told))
    yield from _canary(bundle)
    yield "<h2>Figures</h2>"
    yield plot(bundle)
    yield _table(figures(bundle))
    yield _table(groups(bundle))
    yield "<h2>What served</h2>"
    if bundle.versions or bundle.canary:
        yield _table(versions(bundle))
    else:
        yield _said("No version served in the window or a week before, as far as is known.")
    yield from _indexes(bundle)
    yield "<h2>Worst requests</h2>"
    yield _worst(bundle)
    yield "<h2>Asked again</h2>"
    yield from _replay(told)
    yield "<h2>Postmortem</h2>"
    yield from _postmortem(told)
    yield "<h2>How it was served</h2>"
    yield from _served(bundle)
    yield "<h2>This bundle</h2>"
    yield from _about(told)


def _said(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _table(given: Table) -> str:
    return table(*given)


def _remedies(told: Told) -> str:
    lines = [
        f"<li>{escape(one.does)}"
        + (f"<br><code>{escape(one.command)}</code>" if one.command else "")
        + "</li>"
        for one in told.remedies
    ]
    return f"<ul>{''.join(lines)}</ul>"


def _canary(bundle: Bundle) -> Iterator[str]:
    if bundle.canary:
        yield f"<h2>The {escape(bundle.canary.kind)}</h2>"
        yield f"<pre>{escape(bundle.canary.table)}</pre>"


def _indexes(bundle: Bundle) -> Iterator[str]:
    if bundle.indexes:
        named = ", ".join(f"{name} ({count:,} requests)" for name, count in bundle.indexes.items())
        yield _said(f"Indexes that rows name: {named}.")
    else:
        yield _said("No row names an index that was searched.")


def _worst(bundle: Bundle) -> str:
    if not bundle.worst:
        return _said("No request of the window says what it took or how it ended.")
    rows = [
        (
            f"{row.time:%Y-%m-%d %H:%M:%S}",
            row.model,
            row.tenant or "-",
            row.finish_reason or "-",
            "-" if row.seconds is None else f"{row.seconds:.3g} s",
            cut(row.prompt),
            cut(row.answer) or "(none)",
        )
        for row in bundle.worst
    ]
    return table(("when (UTC)", "who", "tenant", "ended", "took", "asked", "answered"), rows)


def _replay(told: Told) -> Iterator[str]:
    replay = told.replay
    if replay is None:
        yield _said(f"Not yet: paddock incident replay {told.bundle.id}")
        return
    yield _said(
        f"{len(replay.requests):,} requests of the bundle, at {utc(replay.made)}, greedily, by an "
        "engine of its own for each version. Equal answers are promised nowhere: which token "
        "differs first is told, counted from 0 in the answers as the log keeps them."
    )
    sides = [
        (one.name, ", ".join(one.called), one.digest[:12], one.tokenizer[:12], one.engine)
        for one in replay.sides
    ]
    yield table(("version", "called", "digest", "tokenizer", "engine"), sides)
    yield _table(agreements(replay))
    yield "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in left_out(replay)) + "</ul>"
    yield _table(parts(replay, MOST_PARTS))
    head, rows = answers(replay, MOST_ANSWERS)
    if rows:
        yield f"<details><summary>What they said, of {len(rows)} that differ</summary>"
        yield f"{table(head, rows)}</details>"


def _postmortem(told: Told) -> Iterator[str]:
    bundle, found = told.bundle, told.bundle.figures
    tenants = ", ".join(list(bundle.by_tenant)[:10]) or "none"
    done = [one for one in told.later if one.version != (bundle.moves and bundle.moves[-1].version)]
    yield "<h3>What happened</h3>"
    yield _said(summary(bundle))
    yield _theirs("what users saw, in a sentence")
    yield "<h3>Whom it touched</h3>"
    yield _said(
        f"{found.failed:,} requests failed and {found.cut:,} were cut off; tenants: {tenants}; "
        f"{found.badly:,} of {found.rated:,} ratings were bad."
    )
    yield _theirs("what that meant for them")
    yield "<h3>What was done</h3>"
    yield _said(
        "; ".join(
            f"{utc(one.since)}: {one.action}, version {one.version or 'none'}" for one in done
        )
        + "."
        if done
        else "Nothing was moved in the release ledger since the window ended."
    )
    yield _theirs("what else was done, and what helped")
    for head, what in _THEIRS:
        yield f"<h3>{escape(head)}</h3>"
        yield _theirs(what)


def _theirs(what: str) -> str:
    return f"<p class='people'>To be written by people: {escape(what)}.</p>"


def _served(bundle: Bundle) -> Iterator[str]:
    served = bundle.served
    libraries = ", ".join(f"{name} {number}" for name, number in served.libraries.items())
    yield _said(f"From {served.source}; {libraries}.")
    yield f"<pre>{escape(' '.join(served.flags))}</pre>"
    yield f"<pre>{escape(json.dumps(served.specification, indent=1))}</pre>"


def _about(told: Told) -> Iterator[str]:
    bundle = told.bundle
    rows = [
        ("digest", told.digest),
        ("opened", utc(bundle.opened)),
        ("code", bundle.code_revision),
        ("requests in it", f"{len(bundle.requests):,} of {bundle.figures.requests:,}"),
        *((f"left out: {why}", f"{count:,}") for why, count in bundle.held.items()),
        ("names taken out", "yes" if bundle.names else "no"),
        ("the router", "this build has none: one model answers"),
    ]
    yield table(("what", ""), rows)
