"""What the champion's own answers are like: those of its first windows, which later ones are
compared with.

A model answers otherwise than the data it learned from (shorter, declining more often), and goes on
to do so: that is no drift. So from its first windows on, until there are enough, its answers are
not judged; then their scores say what is expected of it. Whether they are good is for the gates
and for people. Needs the log in the object store; a record under `drift/<name>/answers/` says
which windows were the first, so that they stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.inference_log import window_span
from data_contracts.records import Frozen
from tasks.drift.attribution import Served
from tasks.drift.decision import OF
from tasks.drift.log import WindowLog, read_window
from tasks.drift.rows import Rows, rows_of
from tasks.storage.objects import ObjectStore
from tasks.storage.outputs import Outputs, Reference
from tasks.storage.stages import DRIFT_ANSWERS

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

FEWEST = 200  # answers: their means are known to some hundredths
MOST = 2000
FILE = "answers.npz"


class Answers(Frozen):
    """The first windows of a champion, and the output that has their rows as numbers."""

    windows: tuple[str, ...]
    rows: Reference


def own_answers(
    outputs: Outputs,
    name: str,
    windows: Sequence[str],
    served: Served,
    reference: Reference,
    redaction: dict[str, Any],
    build_redactor: Callable[[], Any],
    load_embed: Callable[[], Embed],
) -> Answers | None:
    """Return the champion's own answers, or None while there are too few.

    `windows` are all that there are, the oldest first. The output names the champion's reference,
    which it goes with, and so stays as long (`tasks/clearing/store.py`).
    """
    store, key = outputs.store, f"drift/{name}/answers/{served.digest[:24]}.json"
    if known := _recorded(store, key):
        return known
    logs = _first_logs(store, name, windows, served)
    if sum(len(log.rows) for log in logs) < FEWEST:
        return None

    def make(folder: Path) -> dict[str, int]:
        pairs = [(row.prompt, row.answer) for log in logs for row in log.rows][:MOST]
        redacted = [one.texts for one in build_redactor().redact_records(pairs)]
        rows = rows_of([(asked, said) for asked, said in redacted], load_embed())
        rows.save(folder / FILE)
        return {"answers": len(rows)}

    inputs = {"reference": reference.digest}
    inputs |= {f"log {log.window}": log.digest for log in logs}
    work = DRIFT_ANSWERS.of(inputs, {"redaction": redaction, "served": served.digest})
    built = outputs.build(work, make)
    first = Answers(windows=tuple(log.window for log in logs), rows=built.reference)
    # Of two looks at once the first one's windows stand.
    store.write(key, first.model_dump_json().encode(), only_if_absent=True)
    return _recorded(store, key)


def read_answers(outputs: Outputs, answers: Answers) -> Rows:
    """Return the rows of the first windows."""
    return Rows.load(outputs.fetch(answers.rows) / FILE)


def _recorded(store: ObjectStore, key: str) -> Answers | None:
    try:
        return Answers.model_validate_json(store.read(key))
    except FileNotFoundError:
        return None


def _end(window: str) -> datetime:
    start, length = window_span(window)
    return start + length


def _first_logs(
    store: ObjectStore, name: str, windows: Sequence[str], served: Served
) -> list[WindowLog]:
    """Return the champion's rows of its first windows, until they are enough.

    A log that is brought in later names its version, and its windows may be older than that: where
    none is newer, the newest are looked at.
    """
    since = served.since.astimezone(UTC)
    own = [one for one in windows if _end(one) > since]
    found: list[WindowLog] = []
    for window in own or windows[-OF:]:
        log = read_window(store, name, window, served)
        found += [log] if log.rows else []
        if sum(len(one.rows) for one in found) >= FEWEST:
            break
    return found
