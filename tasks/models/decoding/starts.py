"""What prompts have in common at their start, such as a system message: read once for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LEAST = 16  # tokens; fewer are not worth a pass of their own
Start = tuple[int, ...]


def common_starts(prompts: Sequence[Sequence[int]]) -> Mapping[Start, Start]:
    """Return, by a prompt's first LEAST tokens, the longest start of all prompts that have those.

    A start is shorter than each of its prompts, whose last token is read by itself. Prompts that
    share their first tokens with no other have none.
    """
    by_first: dict[Start, list[Start]] = {}
    for ids in prompts:
        if len(ids) > LEAST:
            by_first.setdefault(tuple(ids[:LEAST]), []).append(tuple(ids[:-1]))
    return {
        first: _common(min(alike), max(alike))
        for first, alike in by_first.items()
        if len(alike) > 1
    }


def _common(low: Start, high: Start) -> Start:
    """Return the common start of all texts that stand between two in order."""
    pairs = enumerate(zip(low, high, strict=False))
    size = next((place for place, (one, other) in pairs if one != other), len(low))
    return low[:size]
