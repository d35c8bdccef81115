"""Training checkpoints that are whole or do not count.

A checkpoint is a folder of safetensors, one file a process of the run, and a `complete.json` with
the digest of each file, written last. A torn one is removed in favor of the one before it. What
several processes saved in shards can be read by any number. No pickle is written or read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.digests import file_digest
from tasks.finetuning.ranks import ALONE, Ranks

MARKER = "complete.json"
TENSORS, STATE = "tensors-{:05d}.safetensors", "state.json"
KEEP = 2


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, Any], state: Any, ranks: Ranks = ALONE
) -> None:
    """Write this process's part of a step's checkpoint; then all but the newest two are dropped.

    All processes of a run must call it, and see the same folder.
    """
    from safetensors.torch import save_file

    target = folder / f"step-{step:08d}"
    if ranks.first:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / STATE).write_text(json.dumps(state))
    ranks.gather(None)
    part = target / TENSORS.format(ranks.rank)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    _sync(part)
    digests = dict(ranks.gather((part.name, file_digest(part))))
    if not ranks.first:
        return
    _sync(target / STATE)
    writing = target / f".{MARKER}"
    writing.write_text(json.dumps({**digests, STATE: file_digest(target / STATE)}))
    _sync(writing)
    writing.replace(target / MARKER)
    for old in _newest_first(folder)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path, ranks: Ranks = ALONE) -> tuple[dict[str, Any], Any] | None:
    """Return the tensors, whole, and state of the newest whole checkpoint, or None.

    The first process removes torn ones: one left standing would count among the newest two, and
    push out a whole one.
    """
    if ranks.first:
        for target in _newest_first(folder):
            if _is_whole(target):
                break
            shutil.rmtree(target)
    ranks.gather(None)
    for target in _newest_first(folder)[:1]:
        return _read_parts(target), json.loads((target / STATE).read_text())
    return None


def _read_parts(target: Path) -> dict[str, Any]:
    """Return the tensors of all parts, shards (of rows) put together."""
    import torch
    from safetensors.torch import load_file

    parts = [load_file(path) for path in sorted(target.glob(TENSORS.replace("{:05d}", "*")))]
    if len(parts) == 1:
        return parts[0]
    return {
        name: first if first.dim() == 0 else torch.cat([part[name] for part in parts])
        for name, first in parts[0].items()
    }


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _is_whole(target: Path) -> bool:
    try:
        digests: dict[str, str] = json.loads((target / MARKER).read_text())
        named = {STATE, TENSORS.format(0)} <= set(digests)  # an empty marker says nothing
        return named and digests == {name: file_digest(target / name) for name in digests}
    except (OSError, ValueError):
        return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
