"""Training checkpoints that are whole or do not count.

A checkpoint is a folder of safetensors and a `complete.json` with the digest of each file,
written last. A torn one is removed in favor of the one before it. No pickle is written or read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_registry.digests import file_digest

MARKER = "complete.json"
TENSORS, STATE = "tensors.safetensors", "state.json"
KEEP = 2


def save_checkpoint(folder: Path, step: int, tensors: Mapping[str, Any], state: Any) -> None:
    """Write the checkpoint of a step, then drop all but the newest two."""
    from safetensors.torch import save_file

    target = folder / f"step-{step:08d}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        target / TENSORS,
    )
    (target / STATE).write_text(json.dumps(state))
    digests = {path.name: file_digest(path) for path in sorted(target.iterdir())}
    for path in target.iterdir():
        _sync(path)
    writing = target / f".{MARKER}"
    writing.write_text(json.dumps(digests))
    _sync(writing)
    writing.replace(target / MARKER)
    for old in _newest_first(folder)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], Any] | None:
    """Return the tensors and state of the newest whole checkpoint, or None; remove torn ones.

    A torn one left standing would count among the newest two, and push out a whole one.
    """
    from safetensors.torch import load_file

    for target in _newest_first(folder):
        if _is_whole(target):
            state = json.loads((target / STATE).read_text())
            return load_file(target / TENSORS), state
        shutil.rmtree(target)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _is_whole(target: Path) -> bool:
    try:
        digests = json.loads((target / MARKER).read_text())
        return digests == {name: file_digest(target / name) for name in (STATE, TENSORS)}
    except (OSError, ValueError):
        return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
