"""An incident in words and tables: what its page and the terminal both tell. Pure functions.

Texts are those of the bundle and of the replay, which are redacted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from data_contracts.text_tables import aligned_table
from flows.incidents.mitigating import Remedy
from tasks.incidents.bundle import Bundle, Figures, Move, utc
from tasks.incidents.comparing import Tally, words
from tasks.incidents.replay import RECORDED, Replay

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
_SHORT = 12  # characters of a digest, where people read it
_LONGEST = 400  # characters of a text in a table; the files have all of it


class Told(NamedTuple):
    """All that is told of an incident. `later` are the ledger's rows since the window ended."""

    bundle: Bundle
    digest: str
    replay: Replay | None
    remedies: Sequence[Remedy]
    later: Sequence[Move]


def title(bundle: Bundle) -> str:
    """Return what the page is called."""
    return f"{bundle.name}: incident {bundle.id}"


def summary(bundle: Bundle) -> str:
    """Return the window in a sentence or two."""
    found, whose = bundle.figures, f" of tenant {bundle.tenant}" if bundle.tenant else ""
    before = bundle.compared[0].figures
    return (
        f"From {utc(bundle.since)} to {utc(bundle.until)} there were {found.requests:,} requests"
        f"{whose}, {before.requests:,} in as long before. {_share(found.failed, found)} failed "
        f"({_share(before.failed, before)} before), {_share(found.cut, found)} were cut "
        f"({_share(before.cut, before)}), and 95 % had their answer within "
        f"{_seconds(found.p95_seconds)} ({_seconds(before.p95_seconds)})."
    )


def figures(bundle: Bundle) -> Table:
    """Return the window's figures beside those of the times before it."""
    every = [
        ("the window", bundle.figures),
        *((one.called, one.figures) for one in bundle.compared),
    ]
    rows = [
        (name, *(values[number] for values in map(_cells, (found for _, found in every))))
        for number, name in enumerate(_NAMES)
    ]
    return ("", *(called for called, _ in every)), rows


_NAMES = (
    "requests",
    "failed",
    "cut off",
    "rated badly, of the rated",
    "seconds, half of the answers",
    "seconds, 95 %",
    "seconds to the first token, half",
    "seconds to the first token, 95 %",
    "tokens asked",
    "tokens answered",
    "cost",
)


def _cells(found: Figures) -> tuple[str, ...]:
    return (
        f"{found.requests:,}",
        f"{found.failed:,} ({_share(found.failed, found)})",
        f"{found.cut:,} ({_share(found.cut, found)})",
        f"{found.badly:,} of {found.rated:,}",
        _seconds(found.median_seconds),
        _seconds(found.p95_seconds),
        _seconds(found.median_first_token),
        _seconds(found.p95_first_token),
        f"{found.prompt_tokens:,}",
        f"{found.answer_tokens:,}",
        f"{found.cost:.4g}",
    )


def _share(count: int, found: Figures) -> str:
    return f"{count / found.requests:.1%}" if found.requests else "none"


def _seconds(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g} s"


def groups(bundle: Bundle) -> Table:
    """Return the window's figures by version, tenant and arm."""
    rows = [
        (
            *(of, name, f"{one.requests:,}", _share(one.failed, one), _share(one.cut, one)),
            *(f"{one.badly:,} of {one.rated:,}", _seconds(one.p95_seconds)),
        )
        for of, found in (
            ("version", bundle.by_version),
            ("tenant", bundle.by_tenant),
            ("arm", bundle.by_variant),
        )
        for name, one in found.items()
    ]
    return ("by", "", "requests", "failed", "cut off", "rated badly", "95 % within"), rows


def timeline(told: Told) -> Table:
    """Return what happened when, as far as it is recorded."""
    bundle = told.bundle
    events = [
        (bundle.since, "the window begins"),
        (bundle.until, "the window ends"),
        (bundle.opened, "this bundle was made"),
        *((one.since, _moved(one)) for one in (*bundle.moves, *told.later)),
        *((one.since, f"index: {_moved(one)}") for one in bundle.index_moves),
        *_of_canary(bundle),
    ]
    failing = [one for one in bundle.slices if one.failed and one.since >= bundle.since]
    if failing:
        each = (bundle.until - bundle.since) / (len(bundle.slices) // 2)
        what = f"the first failed requests of the window, within {each.total_seconds():,.0f} s"
        events.append((failing[0].since, what))
    if told.replay:
        events.append((told.replay.made, "its requests were asked again"))
    ordered = sorted(events, key=lambda one: one[0])
    rows = [(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", what) for at, what in ordered]
    return ("when (UTC)", "what"), rows


def _moved(move: Move) -> str:
    served = f"version {move.version} serves" if move.version else "nothing serves"
    reason = f": {move.reason}" if move.reason else ""
    return f"{move.action}, row {move.sequence} of the ledger: {served}{reason}"


def _of_canary(bundle: Bundle) -> Iterator[tuple[datetime, str]]:
    if canary := bundle.canary:
        a = "an" if canary.kind == "experiment" else "a"
        yield canary.began, f"{a} {canary.kind} of candidate {canary.candidate.version} begins"
        share = canary.weights.get("canary", 0)
        ended = canary.ended and f"{canary.ended}: {canary.why}"
        yield canary.tick, f"the {canary.kind}: {ended or f'{share:g} % of the traffic'}"


def versions(bundle: Bundle) -> Table:
    """Return the digests of each version that served in the window or a week before, or answered.

    A canary's candidate stands beside them.
    """
    every = [(f"version {one.version}", one) for one in bundle.versions]
    if bundle.canary:
        every.append((f"candidate {bundle.canary.candidate.version}", bundle.canary.candidate))
    made = [one for _, one in every]
    names = sorted({name for one in made for name in one.references})
    rows = [
        ("model", *(one.digest for one in made)),
        ("files", *(one.files_digest for one in made)),
        ("tokenizer", *(one.tokenizer for one in made)),
        ("dossier", *(one.dossier for one in made)),
        ("code", *(one.code_revision for one in made)),
        *((f"its {name}", *(one.references.get(name, "") for one in made)) for name in names),
    ]
    told = [
        (
            *(name, *(digest[:_SHORT] or "not known" for digest in digests)),
            "differs" if len(set(digests)) > 1 else "",
        )
        for name, *digests in rows
    ]
    return ("", *(called for called, _ in every), ""), told


def agreements(replay: Replay) -> Table:
    """Return how the sides of a replay agree."""
    rows = [
        (one.first, one.second, *_tally(one.plain), *_tally(one.redacted))
        for one in replay.agreements
    ]
    head = ("of", "and", "equal", "half part by", "equal, with placeholders", "half part by")
    return head, rows


def _tally(found: Tally) -> tuple[str, str]:
    if not found.compared:
        return "none was compared", ""
    where = "" if found.median_index is None else f"{found.unit} {found.median_index:g}"
    return f"{found.equal:,} of {found.compared:,} ({found.share:.0%})", where


def parts(replay: Replay, most: int) -> Table:
    """Return where answers part, request by request; at most so many."""
    keys = [f"{one.first} | {one.second}" for one in replay.agreements]
    rows = [
        (
            *(one.id[:_SHORT], one.model, "yes" if one.redacted else "", cut(one.prompt)),
            *(words(one.parts[key]) if key in one.parts else "no answer" for key in keys),
        )
        for one in replay.requests[:most]
    ]
    return ("request", RECORDED, "placeholders", "asked", *keys), rows


def answers(replay: Replay, most: int) -> Table:
    """Return what was said to the first requests to which the sides say different things."""
    apart = [one for one in replay.requests if any(one.parts.values())]
    names = [one.name for one in replay.sides]
    rows = [
        (
            *(one.id[:_SHORT], cut(one.prompt), cut(one.recorded)),
            *(cut(one.answers[name] or "(no answer)") for name in names),
        )
        for one in apart[:most]
    ]
    return ("request", "asked", RECORDED, *names), rows


def cut(text: str) -> str:
    """Return a text that is not too long for a table."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def left_out(replay: Replay) -> list[str]:
    """Return what was not asked again, and why, and what else is to be known."""
    found = [f"{count:,} not asked again: {why}" for why, count in replay.left_out.items()]
    if replay.beyond:
        found.append(f"{replay.beyond:,} more could be asked: raise --most")
    return [*found, *replay.notes]


def text(told: Told) -> str:
    """Return what the terminal shows."""
    bundle, replay = told.bundle, told.replay
    lines = [title(bundle), "", summary(bundle), "", *aligned_table(*figures(bundle))]
    lines += ["", *aligned_table(*timeline(told))]
    if replay:
        lines += ["", f"Asked again: {len(replay.requests):,} requests, at {utc(replay.made)}."]
        lines += ["", *aligned_table(*agreements(replay)), ""]
        lines += [f"- {note}" for note in left_out(replay)]
    lines += ["", "What can be done:", ""]
    for one in told.remedies:
        lines += [f"- {one.does}", *([f"      {one.command}"] if one.command else [])]
    notes = [*bundle.notes, *(f"{n:,} requests left out: {why}" for why, n in bundle.held.items())]
    lines += ["", *(f"Note: {note}." for note in notes)] if notes else []
    return "\n".join(lines)
