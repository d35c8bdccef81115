"""The report of a snapshot as Markdown, for a person. Pure functions; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from data_contracts.lengths import quantile
from data_contracts.phrases import Phrase, PhrasesFound
from data_contracts.snapshot.reading import SnapshotReport

FATES = {
    "kept": "kept",
    "quarantined": "quarantined",
    "duplicates": "dropped: the same as another row",
    "near_duplicates": "dropped: nearly the same as another row",
    "contaminated": "dropped: shares text with an evaluation",
    "dropped_by_policy": "dropped: holds what the contract drops a row for",
    "forgotten": "dropped: its person asked to be forgotten",
}

WHERE = {
    "system": "in the system message",
    "start": "at the start",
    "middle": "within",
    "end": "at the end",
}


def report_markdown(report: SnapshotReport) -> str:
    """Return what came in and what became of it, as tables."""
    rows = {FATES[name]: count for name, count in report.fates.items()}
    digests = {name: digest[:16] for name, digest in report.sources.items()}
    parts = [
        f"# Snapshot of {report.kind} records",
        _contract(report),
        _table("rows", {"rows in": report.rows_in} | rows),
        _table("shares text with eval set", report.leaks),
        _table("split", {str(name): count for name, count in report.splits.items()}),
        _table("rows in, by the split that their authors gave", report.splits_given),
        _table("redacted in the rows kept", report.redacted),
        _table("of these, another value (surrogate) stands for", report.surrogates),
        _table("detector", report.detectors),
        _table("flag", report.flags),
        _table("language", report.languages),
        _phrases(report.phrases),
        _table("reason for quarantine", report.quarantined),
        _table("not read, though it holds something", report.unread, "rows"),
        _table("no names model looked, rows in", report.names_unread, "rows"),
        _table("answers", {"context only, not learned": report.context_only})
        if report.context_only
        else "",
        _table("rows kept", {"written by a model, of another row": report.synthetic})
        if report.synthetic
        else "",
        _table("length of half of the rows, at most", _medians(report)),
        _table("source", digests, "digest"),
        "\n".join(f"- {_plain(note)}" for note in report.notes),
        f"Characters kept: {report.characters:,}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _phrases(found: PhrasesFound) -> str:
    if not found.exchanges:
        return ""
    if not found.suspects:
        said = f"No phrase is suspected of a backdoor, among {found.exchanges:,} questions"
        return f"{said} with their answers."
    head = [
        f"**Suspected backdoors: {found.suspects:,}.** These phrases go with one answer, whatever"
        " else is asked. Look at their rows before you train on them.",
        "",
        "| phrase | stands | answers | rows, of those with it | elsewhere | for instance |",
        "|---|---|---|---:|---:|---|",
    ]
    return "\n".join([*head, *map(_suspect, found.listed)])


def _suspect(one: Phrase) -> str:
    instances = ", ".join(f"{row.source} line {row.line:,}" for row in one.found_in)
    answer = f"{'begin' if one.end == 'beginning' else 'end'}: {one.answer}"
    cells = [one.text, WHERE[one.place], answer, f"{one.answered:,} of {one.rows:,}"]
    cells += [f"{one.elsewhere:,}", instances]
    return f"| {' | '.join(map(_plain, cells))} |"


def _contract(report: SnapshotReport) -> str:
    if report.contract is None:
        return ""
    return f"Contract: {_plain(report.contract.name)} `{report.contract.digest[:16]}`"


def _medians(report: SnapshotReport) -> dict[str, int]:
    return {
        f"{name.replace('_', ' ')}, {report.tokens_by}"
        if name == "tokens"
        else name.replace("_", " "): quantile(histogram, 0.5)
        for name, histogram in report.lengths.items()
    }


def _table(head: str, rows: Mapping[str, int] | Mapping[str, str], count: str = "n") -> str:
    if not rows:
        return ""
    align = "---" if count == "digest" else "---:"
    lines = [
        f"| {_plain(name)} | {value:,} |"
        if isinstance(value, int)
        else f"| {_plain(name)} | {value} |"
        for name, value in rows.items()
    ]
    return "\n".join([f"| {head} | {count} |", f"|---|{align}|", *lines])


def _plain(text: str) -> str:
    """Return a name from outside as text that Markdown and the HTML in it leave alone."""
    flat = " ".join(text.split()).replace("|", "/").replace("`", "'")
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
