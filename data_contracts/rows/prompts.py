"""What comes before an answer, and the answer: as text, as messages, or in columns of their own.

Pure functions; write nothing.
"""

from __future__ import annotations

from typing import Any

from data_contracts.rows.literals import structured
from data_contracts.rows.turns import Turn, messages_in, read_turns, system_text
from data_contracts.rows.values import Row, UnfitRowError, as_text, is_absent

# Names of the column that holds a system message; the last two are Gemini's.
SYSTEM = (
    "system",
    "system_prompt",
    "system_message",
    "systemInstruction",
    "system_instruction",
)

_WANTED, _UNWANTED = ("true", "1", "1.0"), ("false", "0", "0.0")


def read_prompt(row: Row, field: str) -> list[Turn]:
    """Return a prompt's turns, the last of which asks; answers in it are context only, as in TRL.

    Text makes one turn. UnfitRowError if nobody asks at the end.
    """
    value = row.get(field)
    found = _messages(value, row, field)
    if found is None:
        return [_said("user", as_text(value, field))]
    return asked(read_turns(found, row))


def asked(turns: list[Turn]) -> list[Turn]:
    """Return turns as a prompt; UnfitRowError if the last is not the user's."""
    if not turns or turns[-1]["role"] != "user":
        raise UnfitRowError("a prompt that does not end with what the user asks")
    return [turn | {"target": turn["role"] != "assistant"} for turn in turns]


def read_answer(row: Row, field: str) -> list[Turn]:
    """Return the turns of an answer; text makes one."""
    value = row.get(field)
    found = _messages(value, row, field)
    return [_said("assistant", as_text(value, field))] if found is None else read_turns(found, row)


def answer_text(turns: list[Turn], field: str) -> str:
    """Return an answer of one turn as text; UnfitRowError if it is none, or not to be learned."""
    if len(turns) != 1 or turns[0]["role"] != "assistant":
        raise UnfitRowError(f"{field} is not one message of the assistant's")
    if not turns[0]["target"]:
        raise UnfitRowError(f"{field} is marked as not to be learned")
    return str(turns[0]["content"])


def with_context(turns: list[Turn], row: Row) -> list[Turn]:
    """Return turns behind the row's columns of earlier turns and of a system message.

    UnfitRowError where both a column and the messages say what comes first.
    """
    earlier = _history(row.get("history"), row)
    if earlier and len(turns) > 1 and turns[0]["role"] != "user":
        raise UnfitRowError("a history beside messages that have a beginning of their own")
    return with_system([*earlier, *turns], row)


def with_system(turns: list[Turn], row: Row) -> list[Turn]:
    """Return turns behind the row's system message; UnfitRowError where theirs is another one."""
    system = system_text(row.get("system"), row)
    if not system.strip():
        return turns
    if not turns or turns[0]["role"] != "system":
        return [_said("system", system), *turns]
    if turns[0]["content"].strip() != system.strip():
        raise UnfitRowError("a system column and a system message that differ")
    return turns


def require_wanted(row: Row) -> None:
    """Raise UnfitRowError where an answer is labelled as one that people did not want (KTO).

    A label says so with a truth or its word only: a number, or another word, may be a class of any
    kind and stays unread.
    """
    label, tag = (str(row.peek(field)).strip().lower() for field in ("label", "kto_tag"))
    if label in ("true", "false"):
        row.get("label")
    if row.get("kto_tag") is not None and tag not in (*_WANTED, *_UNWANTED):
        raise UnfitRowError("a kto_tag that is neither true nor false")
    if label == "false" or tag in _UNWANTED:
        raise UnfitRowError("an answer that its label says is unwanted")


def _messages(value: Any, row: Row, field: str) -> Any:
    """Return the messages that a field holds, or that its text writes out as CSV has to.

    Text in Alpaca's columns is text: to write messages out may be what an instruction asks for.
    """
    if isinstance(value, str) and row.column(field) in ("instruction", "output"):
        return None
    return messages_in(value)


def _history(value: Any, row: Row) -> list[Turn]:
    """Return earlier turns: messages, or pairs of a question and its answer.

    These answers are learned, as LLaMA-Factory does with its layout, unless a weight says not.
    """
    if isinstance(value, str):
        value = structured(value)
        if value is None:
            raise UnfitRowError("history is neither JSON nor a list as Python writes it")
    if is_absent(value):
        return []
    if messages_in(value) is not None:
        return read_turns(value, row)
    if not isinstance(value, list):
        raise UnfitRowError("history is not a list")
    turns: list[Turn] = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise UnfitRowError("history is not pairs of a question and its answer")
        if is_absent(pair):
            continue
        turns += [
            _said(role, as_text(text, "history"))
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
    return turns


def _said(role: str, text: str) -> Turn:
    return {"role": role, "content": text, "target": True}
