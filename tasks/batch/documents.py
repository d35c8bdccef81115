"""Documents in place of requests: a ready task asks the same of each of them.

Needs a file of JSON lines with a text each, and the task's prompt (prompts.toml, or a file of the
caller's own in its form). Writes nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from data_contracts.errors import InputError
from data_contracts.records import Frozen, Message, Text
from tasks.batch.lines import STEP, Requests, custom_id, read_lines, text_of

ReadyTask = Literal["summarise", "label", "translate", "augment"]
_PROMPTS = Path(__file__).with_name("prompts.toml")
_TEXT = "{text}"


class Example(Frozen):
    """A document and the answer that is wanted to it, which the model reads before its own."""

    asked: Text
    answered: Text


class Template(Frozen):
    """What is asked of a document; an answer has at most `max_tokens`."""

    prompt: Text
    system: str = ""
    examples: tuple[Example, ...] = ()
    max_tokens: int = Field(ge=1)

    def messages(self, text: str, words: Mapping[str, str]) -> tuple[Message, ...]:
        """Return the messages about a text; what stands in the text is never a placeholder."""
        turns = [("system", _filled(self.system, text, words))]
        for one in self.examples:
            turns += [("user", _filled(self.prompt, one.asked, words)), ("assistant", one.answered)]
        turns += [("user", _filled(self.prompt, text, words))]
        return tuple(
            Message.model_validate({"role": role, "content": said}) for role, said in turns if said
        )


def ready_template(task: ReadyTask, file: str, words: Mapping[str, str]) -> Template:
    """Return a task's template, or that of a file; InputError if it lacks what it needs."""
    path = Path(file) if file else _PROMPTS
    try:
        template = Template.model_validate(tomllib.loads(path.read_text("utf-8")).get(task))
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(
            f"the template of {task} cannot be read ({type(error).__name__})",
            step=STEP,
            where=str(path),
            remedy=f"write a TOML table [{task}] with prompt, which holds {_TEXT}, and max_tokens",
        ) from None
    if _TEXT not in template.prompt:
        raise InputError(
            f"the prompt does not say where the document goes ({_TEXT})",
            step=STEP,
            where=str(path),
        )
    for name, value in words.items():
        if f"{{{name}}}" in template.prompt + template.system and not value:
            raise InputError(
                f"task {task} needs {name}", step=STEP, where=str(path), remedy=f"give --{name}"
            )
    return template


def read_documents(
    path: Path, template: Template, column: str, labels: Sequence[str], language: str
) -> Requests:
    """Read a file of documents as requests; a document's `id`, or else its line, is its custom_id.

    InputError if no line holds a document. With labels, an answer is one of them.
    """
    words = {"labels": ", ".join(labels), "language": language}

    def read(row: Mapping[str, Any], number: int) -> tuple[str, dict[str, Any]]:
        given = row.get("id")
        named = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
        identity = custom_id(f"line-{number}" if named is None else named)
        asked: dict[str, Any] = {
            "messages": template.messages(text_of(row.get(column), column), words),
            "max_tokens": template.max_tokens,
            "labels": tuple(labels),
        }
        return identity, asked

    return read_lines(path, read)


def require_labels(labels: Sequence[str]) -> None:
    """Return if there are labels to choose from; InputError if they cannot be told apart."""
    if len({label.casefold().strip() for label in labels}) != len(labels) or len(labels) < 2:
        raise InputError(
            "a document is labelled with one of two labels or more that differ",
            step=STEP,
            where="labels",
            remedy="give --labels refund,delivery,other",
        )


def _filled(said: str, text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        said = said.replace(f"{{{name}}}", value)
    return said.replace(_TEXT, text)
