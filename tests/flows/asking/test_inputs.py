"""Lists as people give them, eval sets in a folder here, and a kind beside a contract."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import eval_sets
from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS
from flows.asking.command_words import command_words
from flows.asking.inputs import choose_eval_sets, ingest_inputs
from flows.asking.parameters import IngestParameters, Parameters
from flows.command import commands
from flows.command.cli import main
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings

SHIPPED = Path(eval_sets.__file__).parent


@pytest.mark.parametrize(
    "words",
    [
        ["--eval-sets", "safety,pii_leakage"],
        ["--eval-sets", "safety", "--eval-sets", "pii_leakage"],
        ["--eval-sets", "safety, pii_leakage,"],
    ],
)
def test_a_list_is_given_with_commas_or_again(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []

    def take(given: Parameters, _: object) -> int:
        read.append(given)
        return 0

    monkeypatch.setitem(commands.COMMANDS, "ingest", commands.Command(IngestParameters, take, "x"))
    assert main(["ingest", *words]) == 0
    assert read[0].eval_sets == ("safety", "pii_leakage")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('27" monitor', ('27" monitor',)),
        ('27" monitor,Tarn 30', ('27" monitor', "Tarn 30")),
        ('the "big" tent, Kestrel', ('the "big" tent', "Kestrel")),
        ('"Tarn, the tent",Kestrel', ("Tarn, the tent", "Kestrel")),
        ('["Tarn, the tent", "Kestrel"]', ("Tarn, the tent", "Kestrel")),
        ("[Tarn,Kestrel]", ("Tarn", "Kestrel")),
        ("C[1],{2}", ("C[1]", "{2}")),
        ("null", ("null",)),
        ("30, true", ("30", "true")),
        ("a\\b\\, c", ("a\\b\\", "c")),
        ("", ()),
    ],
)
@pytest.mark.parametrize("equals", [True, False])
def test_words_to_keep_are_read_whatever_quotes_are_in_them(
    given: str, read: tuple[str, ...], equals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    def take(parameters: Parameters, _: object) -> int:
        taken.append(parameters)
        return 0

    monkeypatch.setitem(commands.COMMANDS, "ingest", commands.Command(IngestParameters, take, "x"))
    assert main(["ingest", *([f"--keep={given}"] if equals else ["--keep", given])]) == 0
    assert main([*command_words("ingest", taken[0])][1:]) == 0
    assert [one.keep for one in taken] == [read, read]


def test_the_form_draws_lists() -> None:
    fields = IngestParameters.model_json_schema()["properties"]
    assert {fields[name]["type"] for name in ("keep", "eval_sets")} == {"array"}


@pytest.mark.parametrize(("kind", "taken"), [(None, True), ("document", True), ("?", False)])
def test_the_form_draws_kinds_as_one_list_of_choices(kind: str | None, taken: bool) -> None:
    from prefect.utilities.schema_tools.validation import is_valid

    form = IngestParameters.model_json_schema()
    assert "anyOf" not in form["properties"]["kind"]
    assert {*KINDS, None} == {*form["properties"]["kind"]["enum"]}
    assert is_valid({"kind": kind}, form) == taken


def test_a_folder_here_is_an_eval_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SHIPPED / "safety", tmp_path / "my_set")
    monkeypatch.chdir(tmp_path)
    [found] = choose_eval_sets(["my_set"])
    assert found.digest == choose_eval_sets(["safety"])[0].digest
    with pytest.raises(InputError, match="no eval set called 'none'"):
        choose_eval_sets(["none"])


def test_a_kind_that_is_not_the_contracts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}")
    (tmp_path / "c.toml").write_text('kind = "instruction"\n')
    given = {"source": str(tmp_path / "rows.jsonl"), "contract": str(tmp_path / "c.toml")}
    workshop = Workshop(Settings(home=tmp_path / "home"))
    asked: dict[str, Any] = {**given, "names": False}
    assert ingest_inputs(workshop, IngestParameters(**asked)).contract.kind == "instruction"
    with pytest.raises(InputError, match="of kind instruction, not chat"):
        ingest_inputs(workshop, IngestParameters(**asked, kind="chat"))
