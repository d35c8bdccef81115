"""What stands beside a text and belongs to it, and no base model here is shown: media and tools.

ms-swift, LLaMA-Factory and TRL name media in a column of lists, LLaVA in one of its own; where each
belongs, the text says `<image>`. A column of one that no text speaks of is only noted as not read,
and so is a list of tools that is empty. Pure; writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from data_contracts.rows.literals import structured
from data_contracts.rows.values import Row, UnfitRowError, present

_MEDIA = ("image", "images", "video", "videos", "audio", "audios")
_TOOLS = ("tools", "functions", "input.tools")
_TAG = re.compile(r"<(image|video|audio)>")


def require_text_alone(row: Row, texts: Iterable[str], *, is_talk: bool) -> None:
    """Raise UnfitRowError, by the column's name, where a row is not about text alone.

    Beside what is no conversation (`is_talk`) a list of media may be anything; its tags count.
    """
    for name in _TOOLS if is_talk else ():
        if _declares(row.unread_column(name)):
            raise UnfitRowError(f"{name.rpartition('.')[2]} to call, which no base model is taught")
    media = [name for name in _MEDIA if row.unread_column(name) is not None]
    spoken_of = {match[1] for text in texts for match in _TAG.finditer(text)} if media else set()
    for name in media:
        if (is_talk and name.endswith("s")) or name.removesuffix("s") in spoken_of:
            raise UnfitRowError(f"{name} beside the text, which no base model is shown")


def _declares(value: Any) -> bool:
    if isinstance(value, str):
        value = structured(value)
    items = value if isinstance(value, list | tuple) else [value]
    nothing: tuple[Any, ...] = ({}, {"type": "function"})
    return any(isinstance(item, Mapping) and present(item) not in nothing for item in items)
