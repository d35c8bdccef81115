"""What a look at the inference log found, as it is kept for `paddock show` and said to people."""

from __future__ import annotations

from pydantic import BaseModel


class Watch(BaseModel):
    """What a look at the inference log found and started.

    `alerts` are what a person must look at; they stand in the status until a look finds none.
    `unanswered`: there is drift, and nothing will answer it unless somebody looks. `signals` are
    those of the newest window that was judged, as shares of what makes each drift. `worse` says
    how that window was served worse than usual, which starts nothing.
    """

    champion: int
    looked_at: str = ""
    windows: dict[str, str]
    started: bool
    reason: str
    alerts: list[str] = []
    notes: list[str] = []
    # Empty in records from before these were kept.
    unanswered: bool = False
    signals: dict[str, float] = {}
    worse: list[str] = []


def status_key(name: str) -> str:
    """Return where the last look is kept, for `paddock show`."""
    return f"drift/{name}/status.json"


def describe(watch: Watch) -> str:
    """Return what was found, as text."""
    lines = [f"Champion version {watch.champion}"]
    lines += [f"- window {window}: {status}" for window, status in watch.windows.items()]
    lines.append(f"{'Retraining started' if watch.started else 'No retraining'}: {watch.reason}")
    lines += [f"SERVED WORSE: {one}" for one in watch.worse]
    lines += [f"ALERT: {alert}" for alert in watch.alerts] + watch.notes
    return "\n".join(lines)
