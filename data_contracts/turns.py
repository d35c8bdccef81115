"""Turns of a conversation, read as the tools that people use write them.

Pure functions; write nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from data_contracts.row import UnfitRowError

ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


def read_turns(value: Any) -> list[dict[str, Any]]:
    """Normalize turns: our names for roles, and turns of one speaker in a row made one."""
    if isinstance(value, str):  # as CSV has to hold it
        try:
            value = json.loads(value)
        except ValueError:
            raise UnfitRowError("messages are not JSON") from None
    if not isinstance(value, list):
        raise UnfitRowError("messages are not a list")
    turns: list[dict[str, Any]] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise UnfitRowError("a message is not an object")
        role = _role(item.get("role", item.get("from")))
        content = item.get("content", item.get("value"))
        if not isinstance(content, str) or not content.strip():
            raise UnfitRowError("a message without text")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n{content}"
        else:
            turns.append({"role": role, "content": content})
    if len(turns) < 2:
        raise UnfitRowError("fewer than two messages")
    return turns


def _role(value: Any) -> str:
    role = value.strip().lower() if isinstance(value, str) else ""
    role = ROLES.get(role, role)
    if role not in ("system", "user", "assistant"):
        raise UnfitRowError("an unknown role")
    return role
