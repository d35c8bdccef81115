"""Which candidates' files may go from MLflow's artifacts: weights that lie there as in the store.

Needs a registry whose files lie on this machine. What a version is, its card's digest, verdict and
signed dossiers stay; a run that makes the same model again stores its files again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from model_registry.candidates import CLEARED, Candidate
from model_registry.tracking import Registry
from model_registry.versions import tag_version
from tasks.clearing.needed import Judged
from tasks.clearing.pieces import Piece, size_of

KIND = "candidates' files"


def judge_files(registry: Registry, judged: Sequence[Judged], *, at_work: bool) -> Iterator[Piece]:
    """Say of every candidate's files whether they stay."""
    for one in judged:
        candidate = one.candidate
        name = f"{candidate.name} version {candidate.version}"
        folder = registry.folder_at(candidate.uri)
        if folder is None:
            if not candidate.tags.get(CLEARED):
                yield Piece(KIND, name, 0, "they do not lie on this machine")
            continue
        size = size_of(folder)
        if not one.due:
            yield Piece(KIND, name, size, one.why)
        elif at_work:
            yield Piece(KIND, name, size, "a run is at work")
        else:
            yield Piece(KIND, name, size, one.why, partial(_clear, registry, candidate, folder))


def _clear(registry: Registry, candidate: Candidate, folder: Path) -> bool:
    # First what says so: files without the tag would be missed as if somebody had taken them.
    now = datetime.now(UTC).isoformat(timespec="seconds")
    tag_version(registry, candidate.name, candidate.version, {CLEARED: now})
    shutil.rmtree(folder)
    return True
