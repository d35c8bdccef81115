"""The files of an index of documents, as a candidate holds them in the place of a model's.

Needs a folder as tasks/retrieval writes it. What is none of its files is refused before anything
is loaded. Writes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_contracts.errors import InputError, IntegrityError

INDEX = "index"  # the folder among a candidate's files
_FACTS = "index.json"
_NEEDED = frozenset({_FACTS, "chunks.parquet", "vectors.npy"})
_GRAPH = frozenset({"graph.faiss", "members.npz"})
_WORDS, _WORD_SUFFIXES = "words", frozenset({".npy", ".json"})


def check_index_folder(folder: Path) -> None:
    """Refuse (InputError) a folder that is no index, or that holds anything beside one."""
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }
    if lacking := sorted(_NEEDED - names):
        raise _refusal(f"{lacking[0]} is missing", folder)
    for name in sorted(names - _NEEDED - _GRAPH):
        path = Path(name)
        if path.parent.as_posix() != _WORDS or path.suffix not in _WORD_SUFFIXES:
            raise _refusal(f"{name} is no file of an index", folder)


def refuse_other_encoder(made: str, shipped: Path) -> str:
    """Return the digest of the encoder that an index says made it; IntegrityError if not `made`."""
    try:
        digest = json.loads((shipped / _FACTS).read_bytes())["encoder"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refusal(f"{_FACTS} does not say which encoder made it", shipped) from error
    if digest != made:
        raise IntegrityError(
            "the index was made with another encoder than the one that will ask it",
            step="register",
            where=str(shipped),
            remedy="build the index again: `paddock index build`",
        )
    return digest


def _refusal(what: str, folder: Path) -> InputError:
    return InputError(
        what, step="register", where=str(folder), remedy="give what `paddock index build` made"
    )
