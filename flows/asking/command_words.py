"""Parameters as the words of a command: what a person would type to ask the same."""

from __future__ import annotations

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
            words.append(f"--{option}={value}")  # one word: a value may begin with a dash
    return tuple(words)
