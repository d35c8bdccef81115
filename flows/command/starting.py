"""`paddock init`: writes a model's file, commented, that `paddock check` and `deploy` read."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data_contracts.errors import InputError
from flows.asking.groups import FRONT, GROUPS
from flows.asking.model_file import SECTIONS, STEP, read_model_file
from flows.asking.model_parameters import InitParameters
from flows.asking.naming import DEMO
from flows.asking.parameters import RetrainParameters

WIDTH = 96


def write_model_file(parameters: InitParameters) -> Path:
    """Write the file and return its place; InputError if it is there, or could not be read back."""
    place = Path(parameters.file or f"{parameters.name}.toml").expanduser()
    given = _given(parameters)
    text = "\n".join(_lines(given))
    scratch = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        if place.exists():
            raise FileExistsError
        scratch.write_text(text + "\n", "utf-8")
        read_model_file(scratch)
        os.link(scratch, place)  # never over a file that somebody writes meanwhile
    except FileExistsError:
        raise InputError(
            "the file is there already",
            step=STEP,
            where=str(place),
            remedy="edit it, or name another with --file",
        ) from None
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror})", step=STEP, where=str(place)
        ) from None
    finally:
        scratch.unlink(missing_ok=True)
    return place


def _given(parameters: InitParameters) -> dict[str, Any]:
    """Return what was given, having asked a person in a terminal for what was not."""
    given = {
        name: value
        for name in RetrainParameters.model_fields
        if (value := getattr(parameters, name, None))
    }
    if "source" not in given:
        if not sys.stdin.isatty():
            raise InputError(
                "no source of rows was given",
                step=STEP,
                where=parameters.name,
                remedy="give --source: a file, a folder, s3://bucket/prefix, hub:owner/name, or "
                f"'{DEMO}'",
            )
        given["source"] = _asked("Where are the rows (a file, a folder, s3://…, hub:owner/name)?")
        given |= {
            name: answer
            for name, question in {
                "base": "Which model does it start from?",
                "policy": "Which gate policy judges it (general, demo, or a TOML file)?",
            }.items()
            if name not in given and (answer := _asked(question, _default(name)))
        }
    return given


def _asked(question: str, default: str = "") -> str:
    while True:
        answer = input(f"{question} [{default}] " if default else f"{question} ").strip()
        if answer or default:
            return answer or default


def _default(name: str) -> str:
    return str(RetrainParameters.model_fields[name].default) or "general"


def _lines(given: Mapping[str, Any]) -> Iterator[str]:
    name = given["name"]
    yield f"# All that is said about the model {name}. What stands behind # is the default."
    yield f"#   paddock check  {name}.toml   looks at everything named here, and costs nothing"
    yield f"#   paddock run    {name}.toml   trains a candidate here and now"
    yield f"#   paddock deploy {name}.toml   puts it on its schedules, with forms in Prefect"
    yield "# Relative paths are beside this file. Passwords and keys are settings, never written"
    yield "# here (docs/production.md); who approves is in the accounts file (docs/accounts.md)."
    front = [field for field in FRONT if field in RetrainParameters.model_fields]
    yield from _entries(RetrainParameters, front, given)
    for title, group in GROUPS.items():
        yield from ("", f"[{title}]  # {group.about}")
        yield from _entries(RetrainParameters, group.fields, given)
    for title, section in SECTIONS.items():
        yield from ("", f"[{title}]  # {section.__doc__}")
        yield from _entries(section, section.model_fields, {})


def _entries(model: type[BaseModel], names: Any, given: Mapping[str, Any]) -> Iterator[str]:
    for name in names:
        field = model.model_fields[name]
        yield ""
        yield from textwrap.wrap(
            field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        if name in given:
            yield f"{name} = {_toml(given[name])}"
        elif field.default is None:
            yield f"# {name} ="
        else:
            yield f"# {name} = {_toml(field.default)}"


def _toml(value: Any) -> str:
    """Return a text, a number, a truth or a list of such as TOML, which here is as JSON has it."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
