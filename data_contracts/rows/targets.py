"""Which turns are to be learned, as the tools that people use mark it. Pure; writes nothing.

True or 1 wants a turn learned under `weight` (OpenAI, Mistral), `train` and `training` (axolotl),
`loss` (ms-swift, xtuner), `loss_mask` (verl) and the like; under `masked` (torchtune) it does not.
`mask` means the one to some tools and the other to others, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.rows.values import UnfitRowError, is_absent

_LEARNED_NAMES = """
weight lossweight lossmask loss lossscale train training trainable trainonturn target
"""
_LEARNED = frozenset(_LEARNED_NAMES.split())
_NOT_LEARNED = frozenset({"masked", "ismasked", "ignoreloss", "noloss"})
_UNCLEAR = frozenset({"mask"})
_PARTS = frozenset({"traindetail", "trainingdetail", "traindetails"})
_SWITCHES = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def is_mark(key: str) -> bool:
    """Tell whether a message's key says if the message is to be learned."""
    return _plain(key) in _LEARNED | _NOT_LEARNED | _UNCLEAR | _PARTS


def wanted(message: Mapping[str, Any]) -> bool | None:
    """Return whether a message is to be learned, None if it does not say.

    UnfitRowError for what is neither yes nor no: half a weight, parts of a message, two opinions.
    """
    said: set[bool] = set()
    for key, value in message.items():
        name = _plain(key)
        if not is_mark(key) or is_absent(value):
            continue
        if name in _UNCLEAR:
            raise UnfitRowError("a message's mask may mean either: write weight 0 or 1")
        if name in _PARTS:
            raise UnfitRowError("a message of which only parts are to be learned")
        said.add(_switch(value) != (name in _NOT_LEARNED))
    if len(said) > 1:
        raise UnfitRowError("a message that is to be learned and is not")
    return next(iter(said), None)


def _switch(value: Any) -> bool:
    found = _SWITCHES.get(str(value).strip().lower())
    if found is None:
        raise UnfitRowError("a message's weight is neither 0 nor 1")
    return found


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()
