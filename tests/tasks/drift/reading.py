"""Read bytes as a window's log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.drift.attribution import Served
from tasks.drift.log import MOST, WindowLog, read_window
from tasks.storage.objects import LocalStore


def parse_window(
    window: str,
    files: Iterable[tuple[str, bytes]],
    served: Served | None = None,
    most: int = MOST,
) -> WindowLog:
    """Return what a window's files hold: each a name's ending and its bytes."""
    with TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        for name, data in files:
            store.write(f"inference/desk/{window}.{name}", data)
        return read_window(store, "desk", window, served, most)
