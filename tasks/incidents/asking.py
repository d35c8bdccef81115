"""A version is asked a bundle's requests again, one after another, greedily, over its own server.

Needs a server of OpenAI's API on loopback. What comes back is raw: who asks redacts it. Writes
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from pydantic import BaseModel, ValidationError

from data_contracts.inference_log import LogRow
from tasks.models.serving.server import Server

ROOM = 64  # tokens that an answer may be longer than the recorded one
UNKNOWN = 256  # tokens of an answer where the log does not say how long the recorded one was


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Answer(BaseModel):
    choices: tuple[_Choice, ...]


class _Token(BaseModel):
    piece: str | tuple[int, ...]  # llama.cpp gives bytes where a token is a part of a letter


class _Tokens(BaseModel):
    tokens: tuple[_Token, ...]


def most_tokens(row: LogRow) -> int:
    """Return at most how many tokens an answer may have: one that was cut is cut there again."""
    if row.answer_tokens is None:
        return UNKNOWN
    return row.answer_tokens + (0 if row.finish_reason == "length" else ROOM)


def conversation(row: LogRow) -> list[dict[str, str]]:
    """Return what the model was asked."""
    if row.messages:
        return [{"role": turn.role, "content": turn.content} for turn in row.messages]
    return [{"role": "user", "content": row.prompt}]


def answer(server: Server, row: LogRow) -> str | None:
    """Return what a version says to a request; None if it refuses it (a prompt that is too long).

    PaddockError if the server ends, or answers with what is none.
    """
    body = {
        "model": server.name,
        "messages": conversation(row),
        "max_tokens": max(1, most_tokens(row)),
        "temperature": 0,
        "seed": 0,
    }
    try:
        response = server.client.post("/v1/chat/completions", json=body)
        if 400 <= response.status_code < 500:
            return None
        response.raise_for_status()
        choices = _Answer.model_validate_json(response.content).choices
        return (choices[0].message.content or "") if choices else ""
    except (httpx.HTTPError, ValidationError) as error:
        kind = type(error).__name__  # its words may quote what was said
        raise server.failed(f"the engine did not answer ({kind})", "read its log", row.id) from None


def tokens(server: Server, text: str) -> list[str] | None:
    """Return the texts of a text's tokens; None from a server that does not cut texts."""
    body = {"content": text, "add_special": False, "parse_special": False, "with_pieces": True}
    try:
        response = server.client.post("/tokenize", json=body)
        if response.status_code != 200:
            return None
        found = _Tokens.model_validate_json(response.content).tokens
    except (httpx.HTTPError, ValidationError):
        return None
    return [_piece(one.piece) for one in found]


def _piece(piece: str | Sequence[int]) -> str:
    if isinstance(piece, str):
        return piece
    return "".join(f"<0x{byte:02X}>" for byte in piece)
