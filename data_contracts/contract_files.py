"""Reads contracts: the default of each kind of record, and a data set's own.

The defaults stand in `kinds/<kind>.toml`; a data set's own TOML file names its kind and holds only
what differs. Writes nothing.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from data_contracts.contracts import DatasetContract, Range
from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.records import Frozen

STEP = "data contract"


def default_contract(kind: RecordKind) -> DatasetContract:
    """Return the contract that a kind of record has unless a data set has its own."""
    text = files("data_contracts").joinpath(f"kinds/{kind}.toml").read_text(encoding="utf-8")
    return _validated({"name": kind, "kind": kind} | tomllib.loads(text), f"kinds/{kind}.toml")


def load_contract(name_or_path: str) -> DatasetContract:
    """Return a contract: the name of a record kind, or the path of a TOML file.

    InputError if there is no such file or if it says what cannot be; it names the field.
    """
    for kind in KINDS:
        if name_or_path == kind:
            return default_contract(kind)
    path = Path(name_or_path)
    own = _table(path)
    kind = own.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(
            "kind: a contract names its kind of record",
            step=STEP,
            where=str(path),
            remedy=f"write kind = one of {', '.join(KINDS)}",
        )
    # All but redaction, which spells out every kind and would hide the file's own `default`.
    base = default_contract(kind).model_dump(exclude={"name", "redaction"})
    merged = _merged(base, own)
    return _validated({"name": path.stem} | merged, str(path))


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not UTF-8 or not TOML
        raise InputError(
            f"the contract cannot be read ({type(error).__name__})",
            step=STEP,
            where=str(path),
            remedy=f"give a TOML file, or one of {', '.join(KINDS)}",
        ) from error


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Lay one table over another; a list replaces a list."""
    both = base | own
    for name in set(base) & set(own):
        if isinstance(base[name], dict) and isinstance(own[name], dict):
            both[name] = _merged(base[name], own[name])
    return both


def _validated(table: dict[str, Any], where: str) -> DatasetContract:
    try:
        return DatasetContract.model_validate(table)
    except ValidationError as error:
        raise InputError(
            "; ".join(_complaint(one) for one in error.errors(include_url=False)[:5]),
            step=STEP,
            where=where,
            remedy="correct the contract",
        ) from error


def _complaint(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = f"there is no such field; there are {', '.join(_fields_beside(error['loc']))}"
    return f"{place}: {said}" if place else said


def _fields_beside(place: tuple[Any, ...]) -> list[str]:
    model: Any = DatasetContract
    for part in place[:-1]:
        kinds = [model.model_fields[part].annotation] if part in model.model_fields else []
        nested = [one for kind in kinds for one in (kind, *get_args(kind))]
        models = [one for one in nested if isinstance(one, type) and issubclass(one, Frozen)]
        model = models[0] if models else Range
    return list(model.model_fields)
