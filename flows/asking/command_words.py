"""Parameters as the words of a command: what a person would type to ask the same."""

from __future__ import annotations

import json

from flows.asking.parameters import Parameters


def command_words(command: str, parameters: Parameters) -> tuple[str, ...]:
    """Return `paddock COMMAND` with every parameter that is not its default."""
    words = ["paddock", command]
    for name, field in type(parameters).model_fields.items():
        value = getattr(parameters, name)
        if value == field.default:
            continue
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option}={text_of(value)}")  # one word: it may begin with a dash
    return tuple(words)


def text_of(value: object) -> str:
    """Return a value as it is typed; a list with commas between, or in quotes if it has its own."""
    if not isinstance(value, tuple):
        return str(value)
    parts = [str(part) for part in value]
    typed = ",".join(parts)
    return (
        json.dumps(parts) if set(typed) & set('[]{}"') or typed.count(",") >= len(parts) else typed
    )
