"""What Ollama makes a model of: a Modelfile, with the chat template in Go's words.

Needs what the chat template puts around turns (turns.py). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.exporting.errors import cannot
from tasks.exporting.turns import Turns

_QUOTES = '"""'


def modelfile(weights: str, turns: Turns, stops: Sequence[str]) -> str:
    """Return the Modelfile over a GGUF file beside it; `stops` are the texts that end an answer.

    InputError where a text would be read as a command of the template, or as the end of one.
    """
    lines = [f"FROM ./{weights}", f"TEMPLATE {_quoted(go_template(turns))}"]
    if turns.default:
        lines.append(f"SYSTEM {_quoted(turns.default)}")
    lines += [f'PARAMETER stop "{stop}"' for stop in stops if '"' not in stop and stop.strip()]
    return "\n".join(lines) + "\n"


def go_template(turns: Turns) -> str:
    """Return the template that writes what `Turns.write` does of Ollama's messages."""
    for text in turns:
        if isinstance(text, str) and ("{{" in text or "}}" in text):
            raise cannot("its chat template writes {{ or }}", "export it with --format gguf")
    said = "{{ .Content }}"
    parts = "{{- range $i, $_ := .Messages }}"
    if turns.system is not None:
        parts += f'{{{{ if eq .Role "system" }}}}{turns.system}{said}{turns.system_end}'
        parts += '{{ else if eq .Role "user" }}'
    else:
        parts += '{{ if eq .Role "user" }}'
    parts += f"{_user(turns)}{said}{turns.user_end}"
    parts += f'{{{{ else if eq .Role "assistant" }}}}{turns.assistant}{said}{turns.assistant_end}'
    return f"{parts}{{{{ end }}}}{{{{ end }}}}{turns.answer}"


def _user(turns: Turns) -> str:
    """Return what opens a user's turn, by where it stands where that matters."""
    if turns.first == turns.user == turns.after_system:
        return turns.user
    choices = f"{{{{ if eq $i 0 }}}}{turns.first}"
    if turns.system is not None:
        choices += f"{{{{ else if and (eq $i 1) $.System }}}}{turns.after_system}"
    return f"{choices}{{{{ else }}}}{turns.user}{{{{ end }}}}"


def _quoted(text: str) -> str:
    if _QUOTES in text or text.startswith('"') or text.endswith('"'):
        raise cannot(f"its chat template writes {_QUOTES}", "export it with --format gguf")
    return f"{_QUOTES}{text}{_QUOTES}"
