"""Turns of a conversation, read as the tools that people use write them.

Known are OpenAI's and Mistral's `messages` (role, content as text or text parts, weight),
ShareGPT's `conversations` (from, value; with ms-swift, human and assistant), Gemini's `contents`
(role, parts), TRL's prompts and answers of messages, Alpaca's `history`, and what axolotl,
torchtune, ms-swift and xtuner call the mark of a turn that is not to be learned.
Pure functions; write nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from data_contracts.rows.literals import structured
from data_contracts.rows.targets import is_mark, wanted
from data_contracts.rows.values import WELL_KNOWN, Row, UnfitRowError, as_text, is_absent, present

Turn = dict[str, Any]
ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "chatbot": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
}
_TOOL_ROLES_NAMES = """
tool function function_call function_response observation tool_call tool_response ipython
"""
_TOOL_ROLES = frozenset(_TOOL_ROLES_NAMES.split())
_ROLE_KEYS, _TEXT_KEYS = ("role", "from"), ("content", "value", "text", "parts")
# What one object holds that is a question and its answer: ms-swift's, and xtuner's.
_PAIRS = (
    {"system": "system", "human": "user", "assistant": "assistant"},
    {"system": "system", "input": "user", "output": "assistant"},
)
_BESIDE = "loss mask"  # under which a mark from beside the messages joins what a message says
_CALLS = frozenset({"tool_calls", "function_call"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
# What else a part may be, by the names of its type or key; only these are ever named to people.
_OTHER_PARTS_NAMES = """
audio executableCode codeExecutionResult file fileData file_data functionCall function_call
functionResponse function_response image image_url inlineData inline_data input_audio input_file
input_image thought video video_url
"""
_OTHER_PARTS = frozenset(_OTHER_PARTS_NAMES.split())


def read_turns(value: Any, row: Row, marks: list[Any] | None = None) -> list[Turn]:
    """Normalize turns: our names for roles, and turns of one speaker in a row made one.

    `marks` say of each message whether it is to be learned, beside what it says itself. What else
    a message holds is noted in `row` as not read.
    """
    turns: list[Turn] = []
    for item in _marked(_items(value), marks):
        turn = _turn(item, row)
        if turn["role"] == "system" and not turn["content"].strip():
            continue  # an empty system message says what none says
        if not turns or turns[-1]["role"] != turn["role"]:
            turns.append(turn)
        elif turns[-1]["target"] != turn["target"]:
            raise UnfitRowError("two answers in a row, only one of which is to be learned")
        else:
            turns[-1]["content"] += f"\n{turn['content']}"
    return turns


def _marked(items: list[Mapping[Any, Any]], marks: list[Any] | None) -> list[Mapping[Any, Any]]:
    if marks is None:
        return items
    if len(marks) != len(items):
        raise UnfitRowError("weights beside the messages that are not one for each")
    return [{**item, _BESIDE: mark} for item, mark in zip(items, marks, strict=True)]


def messages_in(value: Any) -> Any:
    """Return the messages that a value is or writes out; None if it is plain text or a number.

    Text that writes out one object, or anything but messages that are known, is an answer's own.
    """
    if isinstance(value, str):
        written = structured(value) if value.lstrip()[:1] in ("[", "a") else None
        return written if isinstance(written, list) and all(map(_is_message, written)) else None
    items = value if isinstance(value, list | tuple) else [value]
    objects = [item for item in items if isinstance(item, Mapping)]
    return value if any(key in item for item in objects for key in _ROLE_KEYS) else None


def _is_message(item: Any) -> bool:
    said = present(item) if isinstance(item, Mapping) else {}
    roles = [value for key, value in said.items() if key in _ROLE_KEYS]
    known = {"user", "assistant", "system", *ROLES, *_TOOL_ROLES}
    if not roles or not all(isinstance(one, str) and one.strip().lower() in known for one in roles):
        return False
    keys = {*_ROLE_KEYS, *_TEXT_KEYS, *_CALLS, *WELL_KNOWN}
    return bool({*_TEXT_KEYS, *_CALLS} & said.keys()) and all(
        key in keys or is_mark(key) for key in said
    )


def _items(value: Any) -> list[Mapping[Any, Any]]:
    """Return the messages of a list, of text that writes one out, or of columns side by side."""
    if isinstance(value, str):  # as CSV has to hold it
        value = structured(value)
        if value is None:
            raise UnfitRowError("messages are neither JSON nor a list as Python writes it")
    if isinstance(value, Mapping):
        value = _side_by_side(present(value))
    if not isinstance(value, list | tuple):
        raise UnfitRowError("messages are not a list")
    items = [item for item in value if not is_absent(item)]
    if not all(isinstance(item, Mapping) for item in items):
        raise UnfitRowError("a message is not an object")
    return [turn for item in items if present(item) for turn in _apart(item)]


def _apart(item: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """Return a message, or those that a question with its answer is.

    What else the two hold, such as a mark, is the answer's.
    """
    said = present(item)
    if said.keys() & {*_ROLE_KEYS, *_TEXT_KEYS}:
        return [item]
    roles = next((one for one in _PAIRS if said.keys() & (one.keys() - {"system"})), {})
    turns: list[dict[Any, Any]] = [
        {"role": role, "content": said[key]} for key, role in roles.items() if key in said
    ]
    if not turns:
        return [item]
    turns[-1] |= {key: value for key, value in said.items() if key not in roles}
    return [*turns]


def _side_by_side(columns: Mapping[str, Any]) -> list[Any]:
    """Return one message, or those whose keys hold lists, as `datasets` stores a sequence."""
    lists = [value for value in columns.values() if isinstance(value, list)]
    if any(isinstance(columns.get(key), list) for key in _ROLE_KEYS):
        if len(lists) < len(columns) or len({len(one) for one in lists}) > 1:
            raise UnfitRowError("messages are not a list")
        return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]
    return [columns]


def _turn(item: Mapping[Any, Any], row: Row) -> Turn:
    said = present(item)
    if _CALLS & said.keys():
        raise UnfitRowError("a message calls a tool, which is not text to learn")
    role = _role(_only(said, _ROLE_KEYS, _role))
    content = _only(said, _TEXT_KEYS, partial(_content, row=row))
    text = "" if content is None else _content(content, row)
    if not text.strip() and role != "system":
        raise UnfitRowError("a message without text")
    target = wanted(said)
    if role != "assistant" and target:
        for name in filter(is_mark, said):
            row.leave(_named(name))  # nothing but answers is ever learned
    for name in said.keys() - {*_ROLE_KEYS, *_TEXT_KEYS}:
        if not is_mark(name):
            row.leave(_named(name))
    learned = role != "assistant" or target is not False
    return {"role": role, "content": text, "target": learned}


def _only(said: Mapping[str, Any], keys: tuple[str, ...], read: Any) -> Any:
    """Return what the first of these keys holds; UnfitRowError if two of them disagree."""
    values = [said[key] for key in keys if key in said]
    if len(values) > 1 and len({read(value) for value in values}) > 1:
        raise UnfitRowError(f"a message says two things: {' and '.join(keys)} differ")
    return values[0] if values else None


def _named(key: str) -> str:
    key = "loss_mask" if key == _BESIDE else key
    return f"messages: {key}" if key in WELL_KNOWN else "messages: other keys"


def _role(value: Any) -> str:
    role = value.strip().lower() if isinstance(value, str) else ""
    role = ROLES.get(role, role)
    if role in _TOOL_ROLES:
        raise UnfitRowError("a message of a tool, which no base model is taught yet")
    if role not in ("system", "user", "assistant"):
        raise UnfitRowError("an unknown role")
    return role


def system_text(value: Any, row: Row) -> str:
    """Return what a system column says: text, parts as Bedrock, Anthropic and Gemini write them.

    A message, or a list of them, may be the system's only; Gemini names any role beside its parts.
    """
    if is_absent(value):
        return ""
    if isinstance(value, list | tuple):
        return "\n".join(system_text(item, row) for item in value if not is_absent(item))
    if not isinstance(value, Mapping):
        return as_text(value, "system")
    said = present(value)
    if "parts" not in said and said.keys() & {*_ROLE_KEYS}:
        turns = read_turns([said], row)
        if any(turn["role"] != "system" for turn in turns):
            raise UnfitRowError("a system column that holds somebody else's message")
        return "".join(turn["content"] for turn in turns)
    content = _only(said, ("parts", "content"), partial(_content, row=row))
    if content is None:
        return _content(said, row)
    for name in said.keys() - {"parts", "content", *_ROLE_KEYS}:
        row.leave(_named(name))
    return _content(content, row)


def _content(value: Any, row: Row) -> str:
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        return as_text(value, "a message's content")
    return "\n".join(_part(part, row) for part in value if not is_absent(part))


def _part(part: Any, row: Row) -> str:
    if isinstance(part, str):
        return part
    said = present(part) if isinstance(part, Mapping) else {}
    text, kind = said.pop("text", None), said.pop("type", "text")
    keys = {name for name, value in said.items() if value is not False}
    other = sorted(_OTHER_PARTS & {*keys, kind if isinstance(kind, str) else ""})
    if other or kind not in _TEXT_PARTS or not isinstance(text, str):
        named = f" ({other[0]})" if other else ""
        raise UnfitRowError(f"a message with a part that is not text{named}")
    for name in said:
        row.leave(_named(name))
    return text
