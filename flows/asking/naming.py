"""Names of files as people type them, made absolute where they are typed.

A run's parameters are kept and used again, by drift and by other machines' workers, whose working
directory is another one. So a relative path is resolved when it is given, against the directory of
whoever gives it, or of the file that it stands in. Looks whether a folder is there; writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from data_contracts.kinds.registry import KINDS
from eval_sets.loading import list_eval_sets
from eval_sets.types import Scope
from tasks.ingestion.hub import is_hub_address

DEMO = "demo"
CHAMPION = "champion"  # as the weights to begin at: of the version that serves then
DEMO_DOCUMENTS = "demo-documents"  # the demo, which learns to answer from pages as well
# Of each demo, which eval sets are asked and which policy judges, where none is named.
SCOPES: dict[str, frozenset[Scope]] = {
    DEMO: frozenset({"demo", "general"}),
    DEMO_DOCUMENTS: frozenset({"documents", "demo", "general"}),
}
POLICIES = {DEMO: "demo", DEMO_DOCUMENTS: "documents"}
DEMOS = frozenset(SCOPES)
_beside: ContextVar[Path] = ContextVar("beside", default=Path())


@contextmanager
def names_beside(folder: Path) -> Generator[None]:
    """Take relative paths that are read meanwhile as beside a file in this folder."""
    token = _beside.set(folder)
    try:
        yield
    finally:
        _beside.reset(token)


def absolute_source(name: str) -> str:
    """Return a source with its path absolute: all but the demos and addresses is a path."""
    if name.startswith("file://"):
        name = name.removeprefix("file://")
    elif not name or name in DEMOS or "://" in name or is_hub_address(name):
        return name
    return _absolute(name)


def absolute_log_source(name: str) -> str:
    """Return where rows of a log lie with its path absolute: all but an address is a path."""
    return name if not name or "://" in name else _absolute(name)


def absolute_file(name: str) -> str:
    """Return a name with its path absolute if it is that of a TOML file."""
    return _absolute(name) if name.endswith(".toml") else name


def absolute_contract(name: str) -> str:
    """Return a contract with its path absolute: all but the name of a kind is a path."""
    return name if not name or name in KINDS else _absolute(name)


def absolute_folder(name: str) -> str:
    """Return a model's name with its path absolute if it is that of a folder here."""
    if not name or "://" in name or name.startswith("models:/"):
        return name
    is_path = name.startswith((".", "/", "~")) or _place(name).exists()
    return _absolute(name) if is_path else name


def absolute_start(name: str) -> str:
    """Return whose weights a training begins at: the champion's, or a model as a base is named."""
    return name if name == CHAMPION else absolute_folder(name)


def absolute_sets(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return eval sets with the paths of folders absolute."""
    return tuple(_absolute(name) if is_set_folder(name) else name for name in names)


def is_set_folder(name: str) -> bool:
    """Tell whether an eval set's name is a folder's; a set that ships goes before a folder here."""
    return "/" in name or (name not in list_eval_sets() and _place(name).is_dir())


def _absolute(name: str) -> str:
    return os.path.abspath(_place(name))  # noqa: PTH100  (Path keeps `..`)


def _place(name: str) -> Path:
    return _beside.get() / Path(name).expanduser()
