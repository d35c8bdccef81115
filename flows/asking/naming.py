"""Names of files as people type them, made absolute where they are typed.

A run's parameters are kept and used again, by drift and by other machines' workers, whose working
directory is another one. So a relative path is resolved when it is given, against the directory of
whoever gives it. Looks only whether a folder is there; writes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from data_contracts.kinds.registry import KINDS
from tasks.ingestion.hub import is_hub_address

_DEMO = "demo"


def absolute_source(name: str) -> str:
    """Return a source with its path absolute: all but the demo and addresses is a path."""
    if name.startswith("file://"):
        name = name.removeprefix("file://")
    elif not name or name == _DEMO or "://" in name or is_hub_address(name):
        return name
    return _absolute(name)


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
    is_path = name.startswith((".", "/", "~")) or Path(name).expanduser().exists()
    return _absolute(name) if is_path else name


def absolute_sets(names: str) -> str:
    """Return eval sets, separated by commas, with the paths of folders absolute."""
    every = [name.strip() for name in names.split(",")]
    return ",".join(_absolute(name) if "/" in name else name for name in every)


def _absolute(name: str) -> str:
    return os.path.abspath(Path(name).expanduser())  # noqa: PTH100  (Path keeps `..`)
