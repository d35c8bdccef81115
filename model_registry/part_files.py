"""What a candidate holds in the place of a model: an index of documents, or a router.

Both read texts with an encoder, whose digest stands in their file of facts. Needs a folder as
tasks/retrieval or tasks/routing writes it. What is none of its files is refused before anything is
loaded. Writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.errors import InputError, IntegrityError


@dataclass(frozen=True)
class Part:
    """A kind of such files: the folder among a candidate's, and what lies in it.

    `facts` is the JSON file that names the encoder. Of `needed` each file must be there, those of
    `more` may be, and files of these `suffixes` below the folder `words`.
    """

    folder: str
    called: str
    facts: str
    made_with: str
    needed: frozenset[str]
    more: frozenset[str] = frozenset()
    words: str = ""
    suffixes: frozenset[str] = field(default=frozenset())


INDEX = Part(
    folder="index",
    called="an index",
    facts="index.json",
    made_with="paddock index build",
    needed=frozenset({"index.json", "chunks.parquet", "vectors.npy"}),
    more=frozenset({"graph.faiss", "members.npz"}),
    words="words",
    suffixes=frozenset({".npy", ".json"}),
)
ROUTER = Part(
    folder="router",
    called="a router",
    facts="router.json",
    made_with="paddock router build",
    needed=frozenset({"router.json"}),
)
PARTS = (INDEX, ROUTER)


def part_in(files: Path) -> Part | None:
    """Return what a candidate's files hold in the place of a model; None if it is a model."""
    if (files / "model").exists():
        return None
    return next((part for part in PARTS if (files / part.folder).is_dir()), None)


def check_part_folder(part: Part, folder: Path) -> None:
    """Refuse (InputError) a folder that is no such part, or that holds anything beside one."""
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }
    if lacking := sorted(part.needed - names):
        raise _refusal(part, f"{lacking[0]} is missing", folder)
    for name in sorted(names - part.needed - part.more):
        path = Path(name)
        if path.parent.as_posix() != part.words or path.suffix not in part.suffixes:
            raise _refusal(part, f"{name} is no file of {part.called}", folder)


def refuse_other_encoder(part: Part, made: str, shipped: Path) -> str:
    """Return the digest of the encoder that a part says made it; IntegrityError if not `made`."""
    try:
        digest = json.loads((shipped / part.facts).read_bytes())["encoder"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{part.facts} does not say which encoder made it"
        raise _refusal(part, what, shipped) from error
    if digest != made:
        raise IntegrityError(
            f"{part.called} was made with another encoder than the one that will read for it",
            step="register",
            where=str(shipped),
            remedy=f"make it again: `{part.made_with}`",
        )
    return digest


def _refusal(part: Part, what: str, folder: Path) -> InputError:
    return InputError(
        what, step="register", where=str(folder), remedy=f"give what `{part.made_with}` made"
    )
