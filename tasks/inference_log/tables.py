"""The figures of a log as text for a terminal: lines, then what was refused and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tasks.inference_log.figures import Figures, Group, LogFigures
from tasks.inference_log.sketch import Sketch

_HEADS = (
    *("window", "version", "tenant", "variant", "rows", "tokens in", "tokens out"),
    *("s p50", "s p95", "1st p50", "1st p95", "cut", "rated", "good", "corrected", "consent"),
)


def describe_figures(found: LogFigures, name: str) -> str:
    """Return the table, a line a group, and the sums."""
    if not found.days:
        beside = f" ({found.unread} files have names of no window)" if found.unread else ""
        return f"The log of {name} has no rows in this time{beside}."
    lines = list(_table([_HEADS, *(_line(*entry) for entry in sorted(found.groups.items()))]))
    usable = sum(one.rows for one in found.groups.values())
    lines += [
        "",
        f"{found.read:,} rows in {found.days} days ({found.sealed} sealed): {usable:,} readable, "
        f"{sum(found.refused.values()):,} refused, {found.duplicates:,} seen before.",
    ]
    lines += _reasons("refused", found.refused)
    lines += _reasons("readable, and held back from training", found.held)
    lines += _reasons("notes", found.notes)
    if found.unread:
        lines.append(f"{found.unread} files have names of no window; nobody reads them.")
    return "\n".join(lines)


def _reasons(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    if counts:
        yield f"{title}:"
        for reason, n in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
            yield f"  {n:>10,}  {reason}"


def _line(group: Group, one: Figures) -> tuple[str, ...]:
    tokens = (f"{one.prompt_tokens:,}", f"{one.answer_tokens:,}") if one.counted else ("-", "-")
    return (
        *group,
        f"{one.rows:,}",
        *tokens,
        *_times(one.seconds),
        *_times(one.first_token),
        f"{one.cut:,}",
        f"{one.rated:,}",
        f"{one.good / one.rated:.2f}" if one.rated else "-",
        f"{one.corrected:,}",
        f"{one.consent:,}",
    )


def _times(sketch: Sketch) -> tuple[str, str]:
    middle, slow = sketch.quantile(0.5), sketch.quantile(0.95)
    return ("-", "-") if middle is None or slow is None else (f"{middle:.3g}", f"{slow:.3g}")


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < len(Group._fields) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
