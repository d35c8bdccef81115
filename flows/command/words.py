"""The words of the command: the fields of every command's parameters as options.

Help texts, defaults and bounds are those of the parameters. `paddock --print-completion bash` (or
zsh, tcsh, fish) prints what completes them in a shell.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_origin

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    CliApp,
    CliPositionalArg,
    CliSettingsSource,
    CliSubCommand,
    CliToggleFlag,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    get_subcommand,
)

from data_contracts.errors import InputError
from flows.asking.parameters import Parameters

# What the library does not read within an item, and private characters in its place meanwhile.
_HIDDEN = str.maketrans('"\\', "\ue000\ue001")
_SHOWN = str.maketrans("\ue000\ue001", '"\\')
ABOUT = "Raises LLaMA-family models, from raw data to an approved one."


class Options(BaseModel):
    """What every command may be told beside its parameters."""

    debug: CliToggleFlag[bool] = Field(
        default=False, description="Show tracebacks and the libraries' logs."
    )

    @property
    def only_plan(self) -> bool:
        """Tell whether the command is to say what it would do, and do nothing."""
        return getattr(self, "dry_run", False)


class PlanOptions(Options):
    """Options of a command that can say what it would do."""

    dry_run: CliToggleFlag[bool] = Field(default=False, description="Print the plan; do nothing.")


class RunOptions(PlanOptions):
    """Options of a command that a model's file may speak for."""

    file: CliPositionalArg[str] = Field(
        default="",
        description="A model's file (`paddock init` writes one); what is given beside it goes "
        "before what it says.",
    )


class Asked(NamedTuple):
    """A command as a person gave it."""

    command: str
    parameters: Parameters
    options: Options


class _Words(BaseSettings):
    """The command's words alone: no variable of the environment stands in for one."""

    model_config = SettingsConfigDict(
        cli_avoid_json=True,
        cli_enforce_required=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
        cli_kebab_case=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return ()


Fields = Mapping[str, tuple[type[Parameters], type[Options], str]]


def read_words(commands: Fields, arguments: Sequence[str] | None) -> Asked:
    """Return what was asked; InputError names the option whose value cannot be.

    `commands` gives each command's parameters, its options and a line of help. Words that are no
    command or option end the process with the usage, as argparse does it (exit code 2).
    """
    import shtab

    models = {name: _model(name, *entry) for name, entry in commands.items()}
    fields: dict[str, Any] = {
        name: (CliSubCommand[model], Field(description=model.__doc__))
        for name, model in models.items()
    }
    root = create_model("paddock", __base__=_Words, **fields)
    parser = argparse.ArgumentParser(prog="paddock", description=ABOUT)
    shtab.add_argument_to(parser, "--print-completion")
    source: Any = CliSettingsSource(root, root_parser=parser)
    _say_no_empty_defaults(parser)
    given = _written_out(sys.argv[1:] if arguments is None else arguments, _lists(models.values()))
    try:
        words: Any = CliApp.run(root, cli_args=given, cli_settings_source=source)
    except ValidationError as error:
        raise _refused(error) from error
    except SettingsError as error:
        raise InputError(
            "the words cannot be read", step="parameters", where=f"{error}", remedy="see --help"
        ) from error
    chosen: Any = get_subcommand(words, is_required=False)
    if chosen is None:
        parser.error("a COMMAND is needed: " + ", ".join(commands))
    name = next(name for name, model in models.items() if type(chosen) is model)
    fields_of, options_of, _ = commands[name]
    values = {field: _as_given(getattr(chosen, field)) for field in type(chosen).model_fields}
    given = (
        values
        if "file" not in options_of.model_fields
        else {field: values[field] for field in chosen.model_fields_set}
    )
    return Asked(
        command=name,
        parameters=fields_of(**{k: v for k, v in given.items() if k in fields_of.model_fields}),
        options=options_of(**{k: v for k, v in values.items() if k in options_of.model_fields}),
    )


def _written_out(arguments: Sequence[str], lists: Collection[str]) -> list[str]:
    """Return the arguments with the values of list options as JSON that the library reads whole.

    Commas part items; quotes around an item keep its commas. The library takes any quote for the
    beginning of such an item, numbers for no text and `null` for nothing.
    """
    written: list[str] = []
    for word in arguments:
        option, equals, value = word.partition("=")
        if written and written[-1] in lists:
            written.append(_as_json_list(word))
        elif equals and option in lists:
            written.append(f"{option}={_as_json_list(value)}")
        else:
            written.append(word)
    return written


def _as_json_list(text: str) -> str:
    items = next(csv.reader([text], skipinitialspace=True), [])
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        try:
            items = json.loads(stripped)
        except ValueError:
            items = stripped[1:-1].split(",")
    return json.dumps([str(item).translate(_HIDDEN) for item in items], ensure_ascii=False)


def _as_given(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return tuple(one.translate(_SHOWN) if isinstance(one, str) else one for one in value)


def _lists(models: Iterable[type[BaseModel]]) -> set[str]:
    return {
        f"--{name.replace('_', '-')}"
        for model in models
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is tuple
    }


def _model(
    name: str, fields: type[Parameters], options: type[Options], text: str
) -> type[BaseModel]:
    return create_model(name, __base__=(options, fields), __doc__=f"{text[0].upper()}{text[1:]}.")


def _say_no_empty_defaults(parser: argparse.ArgumentParser) -> None:
    """An option that is empty unless given says so in its own words, or need not."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                _say_no_empty_defaults(inner)
        for empty in (" (default: )", " (default: ())", " (default: None)"):
            action.help = action.help.removesuffix(empty) if action.help else action.help


def _refused(error: ValidationError) -> InputError:
    found = error.errors()
    command = f"paddock {found[0]['loc'][0]}" if found[0]["loc"] else "paddock"
    wrong = [f"{_option(entry['loc'])}: {entry['msg']}" for entry in found]
    return InputError(
        "; ".join(wrong),
        step="parameters",
        where=command,
        remedy=f"`{command} --help` says what each may be",
    )


def _option(place: tuple[int | str, ...]) -> str:
    return "--" + "".join(str(part) for part in place[1:2]).replace("_", "-")
