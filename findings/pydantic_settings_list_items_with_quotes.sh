#!/usr/bin/env bash
# Items of a list on the command line are not read as JSON, though whole JSON lists are asked for.
#
# With: pydantic-settings 2.16.3, CliApp with subcommands, a field list[str]: what a training command
# takes as words to keep or data sets to use. A quote within an item (27" monitor) is refused as it is
# and as valid JSON, and a lone null is None.
# Seen: Mismatched quotes; error parsing value for field "train"; [None].
# Held by: tests/flows/asking/test_inputs.py::test_words_to_keep_are_read_whatever_quotes_are_in_them
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pydantic-settings==2.16.3 pydantic==2.14.3

"$folder/venv/bin/python" - <<'PYTHON'
import json
from importlib.metadata import version

from pydantic import BaseModel
from pydantic_settings import BaseSettings, CliApp, CliSubCommand, SettingsError


class Train(BaseModel):
    keep: list[str | None] = []


class Root(BaseSettings):
    train: CliSubCommand[Train]


def read(value: str) -> object:
    try:
        return CliApp.run(Root, cli_args=["train", "--keep", value]).train.keep
    except SettingsError as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


print("pydantic-settings", version("pydantic-settings"))
given = ['27" monitor', json.dumps(['27" monitor']), "null", "tent,rope"]
found = {value: read(value) for value in given}
for value, what in found.items():
    print(f"  --keep {value:20s} {what}")
assert found["tent,rope"] == ["tent", "rope"], "not as it was seen"
for value in given[:2]:
    assert str(found[value]).startswith("SettingsError"), "not as it was seen"
assert found["null"] == [None], "not as it was seen"
PYTHON
