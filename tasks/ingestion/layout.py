"""What the files of a folder are: rows or words about them, and which split each belongs to.

Follows the Hugging Face `datasets` library (its `data_files` module): the names that it takes for
splits, the files that it never reads, the `configs` of a README.md, what `save_to_disk` writes.
The same rules hold for a folder and for a prefix on S3. Reads only the README and `state.json`
files, through the function that it is given. Writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from data_contracts.errors import InputError
from data_contracts.records import Frozen, Split
from tasks.ingestion.formats import SUPPORTED, file_format, unusable

METADATA = {
    "config.json",
    "croissant.json",
    "data_info.json",
    "datapackage.json",
    "dataset-metadata.json",
    "dataset_dict.json",
    "dataset_info.json",
    "dataset_infos.json",
    "metadata.json",
}
STATE, CARD = "state.json", "README.md"
HELD_OUT: tuple[Split, ...] = ("test", "validation")
_SHOWN = 10
_APART = "[-._ 0-9/]"
_KEYWORDS: dict[Split, str] = {
    "test": "test|testing|eval|evaluation",
    "validation": "validation|valid|val|dev",
    "train": "train|training",
}
_NAMED: dict[Split, re.Pattern[str]] = {
    split: re.compile(rf"(?:^|{_APART})(?:{words})(?:{_APART}|$)", re.IGNORECASE)
    for split, words in _KEYWORDS.items()
}
_GLOB = re.compile(r"(\*\*/?|\*|\?|\[!?[^\]/]+\])")
_GLOBBED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}

Read = Callable[[str], bytes]


class RowsFile(Frozen):
    """A file of rows. `role` is the split that its authors gave it; None if they gave none."""

    name: str
    role: Split | None = None


class Layout(Frozen):
    """The files to read, in order of name, and what a person should know of the others."""

    files: tuple[RowsFile, ...]
    notes: tuple[str, ...] = ()


def split_named(name: str) -> Split | None:
    """Return the split that a name or path speaks of; of several the one held out."""
    for split, named in _NAMED.items():
        if named.search(name):
            return split
    return None


def lay_out(names: Iterable[str], read: Read, where: str) -> Layout:
    """Sort a folder's files, named relative to it; `read` gives what one of them holds.

    Raises InputError where there is nothing to read or nothing to train on, and where the README
    describes several data sets.
    """
    ordered = [name for name in in_order(names) if not _is_hidden(name)]
    rows = _rows_among(ordered, read, where)
    if not rows:
        raise unusable(where, "the folder holds no file that can be read", SUPPORTED)
    by_name: dict[str, Split | None] = {name: split_named(name) for name in rows}
    chosen = (_by_card(rows, read, where) if CARD in ordered else None) or by_name
    _require_something_to_train_on(chosen, where)
    files = tuple(RowsFile(name=name, role=role) for name, role in chosen.items())
    return Layout(files=files, notes=_left_out(ordered, rows, chosen))


def as_given(name: str) -> Layout:
    """Return the layout of a file that was named itself: it is taken as it is."""
    named = split_named(name)
    note = f"{name} was given itself, so its rows are split anew, though its name says {named}"
    return Layout(files=(RowsFile(name=name),), notes=(note,) if named else ())


def in_order(names: Iterable[str]) -> list[str]:
    """Return paths in the order in which they are read, folder by folder."""
    return sorted(names, key=lambda name: name.split("/"))


def roles_of(splits: Sequence[str]) -> dict[str, Split | None]:
    """Return the role of each split of a data set that is read, by the name its authors gave it.

    What is neither train, validation nor test was set aside for something else and is not read,
    unless there is nothing else to train on.
    """
    roles: dict[str, Split | None] = {name: split_named(name) for name in splits}
    if "train" in roles.values():
        return {name: role for name, role in roles.items() if role}
    return roles


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _rows_among(names: Sequence[str], read: Read, where: str) -> list[str]:
    saved = _saved_to_disk(names, read, where)
    return [name for name in names if _is_rows(name, saved)]


def _is_rows(name: str, saved: Mapping[str, set[str]]) -> bool:
    *folders, file = name.split("/")
    if file in METADATA or any(folder.startswith("_") for folder in folders):
        return False  # folders such as _delta_log and __MACOSX
    listed = saved.get("/".join(folders))
    if listed is not None and (file == STATE or file.endswith(".arrow")):
        return file in listed
    is_cache = file.startswith("cache-") and file.endswith(".arrow")  # of Dataset.map
    return bool(file_format(file)[0]) and not is_cache


def _saved_to_disk(names: Sequence[str], read: Read, where: str) -> dict[str, set[str]]:
    """Return the folders that `save_to_disk` wrote, each with the names of its own files."""
    there = set(names)
    found: dict[str, set[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        beside = [
            one for one in names if one.endswith(".arrow") and one.rpartition("/")[0] == folder
        ]
        if file != STATE or not beside:
            continue
        try:
            found[folder] = {one["filename"] for one in json.loads(read(name))["_data_files"]}
        except (ValueError, KeyError, TypeError) as error:
            raise unusable(where, f"{name} cannot be read", "save the data set again") from error
        full = {f"{folder}/{one}" if folder else one for one in found[folder]}
        if missing := in_order(full - there):
            raise unusable(where, f"{missing[0]} is not there", "save or copy the data set again")
    return found


def _by_card(rows: Sequence[str], read: Read, where: str) -> dict[str, Split | None] | None:
    """Return the roles that the README's `configs` give, or None where it has none."""
    config = _config(read(CARD), where)
    if config and not config.get("data_files"):
        return _within(rows, str(config["data_dir"]), where)
    patterns = _patterns(config) if config else []
    if not patterns:
        return None
    roles = roles_of(list(dict.fromkeys(split for split, _ in patterns)))
    chosen: dict[str, Split | None] = {}
    for name in rows:
        named = [split for split, pattern in patterns if _matches(name, pattern)]
        taken = [roles[split] for split in named if split in roles]
        if taken:  # held out before the others
            chosen[name] = next((role for role in _NAMED if role in taken), None)
    if not chosen:
        raise _not_there(where)
    return chosen


def _within(rows: Sequence[str], folder: str, where: str) -> dict[str, Split | None]:
    """Return the roles of the files below the one folder that a config names, by their names."""
    start = PurePosixPath(folder).as_posix().strip("/")
    inside = [name for name in rows if start in ("", ".") or name.startswith(f"{start}/")]
    if not inside:
        raise _not_there(where)
    return {name: split_named(name.removeprefix(f"{start}/")) for name in inside}


def _not_there(where: str) -> InputError:
    return unusable(
        where,
        f"the files that {CARD} names are not there",
        "fetch them (git lfs pull), or give the files themselves",
    )


def _config(card: bytes, where: str) -> dict[str, Any] | None:
    """Return what the README says of its data files; of several configs the default one."""
    text = card.decode("utf-8", "replace").removeprefix("\ufeff")
    if not text.startswith("---") or "configs:" not in text:
        return None
    from huggingface_hub import DatasetCard

    try:
        listed: Any = DatasetCard(text, ignore_metadata_errors=True).data.to_dict().get("configs")
    except Exception as error:  # of the YAML parser, and of the card's own checks
        raise unusable(where, f"the head of {CARD} cannot be read", "correct it") from error
    configs = [
        one
        for one in listed or []
        if isinstance(one, dict) and (one.get("data_files") or one.get("data_dir"))
    ]
    if len(configs) < 2:
        return configs[0] if configs else None
    for one in configs:
        if one.get("default") or one.get("config_name") == "default":
            return one
    names = ", ".join(str(one.get("config_name")) for one in configs[:_SHOWN])
    raise unusable(
        where,
        f"{CARD} describes {len(configs)} data sets ({names}) and none is the default",
        "give the folder or file of the one you mean",
    )


def _patterns(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (split, pattern) in the forms that `data_files` takes."""
    given = config["data_files"]
    if isinstance(given, dict):
        given = [{"split": split, "path": path} for split, path in given.items()]
    found: list[tuple[str, str]] = []
    for one in given if isinstance(given, list) else [given]:
        entry = one if isinstance(one, dict) else {"path": one}
        paths = entry.get("path", [])
        for path in paths if isinstance(paths, list) else [paths]:
            within = PurePosixPath(str(config.get("data_dir") or ""), str(path)).as_posix()
            found.append((str(entry.get("split", "train")), within))
    return found


def _matches(name: str, pattern: str) -> bool:
    """Tell whether a path is one that a pattern names: `*`, `**`, `?` and `[0-9]`."""
    pieces = _GLOB.split(pattern.removeprefix("./"))
    return bool(re.fullmatch("".join(map(_as_expression, pieces)), name))


def _as_expression(piece: str) -> str:
    if piece.startswith("[") and _GLOB.fullmatch(piece):
        kind, inside = ("^", piece[2:-1]) if piece[1] == "!" else ("", piece[1:-1])
        return f"[{kind}{re.escape(inside).replace(re.escape('-'), '-')}]"
    return _GLOBBED.get(piece, re.escape(piece))


def _require_something_to_train_on(chosen: Mapping[str, Split | None], where: str) -> None:
    if all(role in HELD_OUT for role in chosen.values()):
        raise unusable(
            where,
            f"every file is named as test or validation ({_named(list(chosen))}), "
            "so there is nothing to train on",
            "add the training files; or give one file itself, which is taken as it is",
        )


def _left_out(
    names: Sequence[str], rows: Sequence[str], chosen: Mapping[str, Split | None]
) -> tuple[str, ...]:
    """Return why files are not read, a note for each reason."""
    others = [name for name in names if name not in rows]
    about = [name for name in others if file_format(name)[0] or name == CARD]
    why = {
        f"{CARD} names them neither to train on nor as held out": [
            name for name in rows if name not in chosen
        ],
        "they say something of the rows, or are a library's own": about,
        "their format is none that is read": [name for name in others if name not in about],
    }
    return tuple(f"not read, for {reason}: {_named(ones)}" for reason, ones in why.items() if ones)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
