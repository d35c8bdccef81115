"""Data sets on the Hugging Face hub: their address, and the splits of one, pinned to a revision.

An address says that it is one: `hub:owner/name`, `hf://datasets/owner/name`, or `owner/name` with a
`?`, such as `owner/name?config=main&split=train&revision=…`. What could be a path never is one:
somebody else's data set could have that name. Needs the network. Writes nothing.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from data_contracts.records import Frozen, Split
from tasks.ingestion.formats import unusable
from tasks.ingestion.layout import roles_of, split_named

PREFIXES = ("hub:", "hf://datasets/")
_ADDRESS = re.compile(
    r"(?P<said>hub:|hf://datasets/)?[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?"
    r"(?P<asked>\?[\w=&.%/-]*)?"
)
_SECONDS = 20


class HubDataset(Frozen):
    """One split of a data set on the hub; `role` is the split of ours that its rows belong to."""

    name: str
    config: str | None
    split: str
    revision: str
    role: Split | None = None

    @property
    def part_name(self) -> str:
        """Return what its rows are traced to."""
        return f"hub:{self.name}/{self.split}"


def is_hub_address(source: str) -> bool:
    """Tell whether a source can only be a data set on the hub; InputError if it is a broken one."""
    found = _ADDRESS.fullmatch(source)
    if found is None and source.startswith(PREFIXES):
        raise unusable(source, "this is no address of the hub", "write hub:owner/name")
    return found is not None and bool(found["said"] or (found["asked"] and "/" in source))


def hub_datasets(source: str) -> tuple[tuple[HubDataset, ...], tuple[str, ...]]:
    """Return the splits to read, and notes for people; InputError if the hub cannot be asked.

    Those of its authors, unless the address names one: that is taken as it is.
    """
    address = urlsplit(source.removeprefix("hf://datasets/").removeprefix("hub:"))
    asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
    try:
        name, config = address.path, asked.get("config")
        revision = _revision(name, asked.get("revision"))
        splits = _splits(name, config, revision)
    except Exception as error:  # the hub's client raises many kinds; each means the same here
        raise unusable(
            source,
            f"no such data set could be read from the hub ({type(error).__name__})",
            "check the spelling, and name its config where it has several (?config=main); a hub "
            "data set needs the network, or HF_TOKEN if it is private",
        ) from error
    roles, notes = _chosen(splits, asked.get("split"), source)
    found = (
        HubDataset(name=name, config=config, split=split, revision=revision, role=role)
        for split, role in roles.items()
    )
    return tuple(found), notes


def _chosen(
    splits: list[str], wanted: str | None, source: str
) -> tuple[dict[str, Split | None], tuple[str, ...]]:
    if wanted:
        if wanted not in splits:
            raise unusable(source, f"it has no split {wanted}", f"there are {', '.join(splits)}")
        named = split_named(wanted)
        note = f"split {wanted} was named itself, so its rows are split anew"
        alone: dict[str, Split | None] = {wanted: None}
        return alone, (note,) if named in ("test", "validation") else ()
    roles: dict[str, Split | None] = dict(roles_of(splits))
    trained = [name for name, role in roles.items() if role in ("train", None)]
    if len(trained) != 1 and "train" in splits:
        roles = {one: role for one, role in roles.items() if role != "train" or one == "train"}
    elif len(trained) != 1:
        raise unusable(
            source,
            f"which of its splits is to be trained on is not clear ({', '.join(splits)})",
            f"name one: hub:owner/name?split={splits[0]}",
        )
    left = [name for name in splits if name not in roles]
    return roles, (f"splits not read: {', '.join(left)}",) if left else ()


def _revision(name: str, asked: str | None) -> str:
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(name, revision=asked, timeout=_SECONDS).sha)


def _splits(name: str, config: str | None, revision: str) -> list[str]:
    from datasets import get_dataset_split_names

    return [str(split) for split in get_dataset_split_names(name, config, revision=revision)]
