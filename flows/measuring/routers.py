"""What routers decide while they serve from this home, beside what they did when they were judged.

Needs the files that their doors keep; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flows.measuring.figures import Figure, figure
from flows.routers.seen import seen_by
from tasks.routing.seen import compared


def routers(home: Path) -> Iterator[Figure]:
    """Yield the decisions of each serving's router, and the share that goes to the small model."""
    for folder in sorted((home / "serving").glob("*/")):
        seen = seen_by(home, folder.name)
        if seen is None:
            continue
        day, model = seen.together(), folder.name
        fates = {
            "small": day.small,
            "large": day.decided - day.small,
            "unread": day.unread,
            "late": day.slow,
        }
        for fate, count in fates.items():
            yield figure("paddock_router_requests", count, model=model, fate=fate)
        if shares := compared(seen):
            yield figure("paddock_router_small_ratio", shares.served, model=model)
            yield figure("paddock_router_judged_small_ratio", shares.expected, model=model)
            yield figure("paddock_router_margin", day.margins / day.decided, model=model)
            yield figure("paddock_router_drifted", shares.drifted, model=model)
