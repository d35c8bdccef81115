from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from data_contracts.errors import ContractError
from flows.asking.parameters import RetrainParameters
from flows.champion import Champion
from flows.workshop.parts import Workshop
from model_registry.versions import Version
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs
from tasks.storage.stages import MODEL, SNAPSHOT, Stage

ASKED = {"name": "bells", "source": "/data/rows.jsonl", "max_steps": 400, "base": "/models/small"}
REPORT = {
    **{"kind": "chat", "rows_in": 1, "kept": 1, "quarantined": {}, "duplicates": 0},
    **{"contaminated": 0, "redacted": {}, "splits": {"train": 1}, "characters": 9},
}


class Made:
    """A store in which a champion was made; `champion` reads it anew."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder / "store")
        self.outputs = Outputs(self.store, folder / "work")
        self.references = dict[str, str]()

    def snapshot(self, *sources: str) -> None:
        content = {**REPORT, "sources": dict.fromkeys(sources, "d")}
        self.references["dataset"] = self._output(SNAPSHOT, {"report.json": content})

    def model(self, base: str, parameters: dict[str, Any]) -> None:
        made = {"base": {"name": base}, "parameters": parameters}
        files = {"training.json": {"base": base, **parameters}, "about/reproduce.json": made}
        self.references["model"] = self._output(MODEL, files)

    def run(self, at: str, digest: str, **asked: Any) -> None:
        summary = {"candidate_digest": digest, "parameters": {**ASKED, **asked}}
        self.store.write(f"runs/bells/{at}.json", json.dumps(summary).encode())

    def _output(self, stage: Stage, files: dict[str, Any]) -> str:
        def make(folder: Path) -> dict[str, int]:
            for name, content in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(json.dumps(content))
            return {}

        return self.outputs.build(stage.of({}, {"of": str(files)}), make).reference.digest

    @property
    def champion(self) -> Champion:
        tags = {f"paddock.reference.{role}": digest for role, digest in self.references.items()}
        version = Version(name="bells", version=2, run="r", digest="ours", uri="", tags=tags)
        workshop = cast("Workshop", SimpleNamespace(store=self.store, outputs=self.outputs))
        return Champion(workshop, version, "drift")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = Made(tmp_path)
    made.snapshot("rows.jsonl")
    made.model("small", {**ASKED, "name": "other", "max_steps": 300})
    return made


def test_its_parameters_are_those_of_its_own_run_and_not_of_the_newest(made: Made) -> None:
    made.run("2026-01-01", "ours", max_steps=100)
    made.run("2026-01-02", "ours", max_steps=200)
    made.run("2026-01-03", "a trial's", max_steps=4)
    assert made.champion.parameters_again().max_steps == 200
    assert made.champion.training["max_steps"] == 300


def test_where_no_summary_is_left_the_training_says_what_was_asked(made: Made) -> None:
    made.run("2026-01-03", "a trial's", max_steps=4)
    assert made.champion.parameters == RetrainParameters.model_validate({**ASKED, "max_steps": 300})
    made.run("2026-01-01", "ours", of_an_older_form=True)
    assert made.champion.parameters.max_steps == 300


def test_a_champion_of_unknown_parameters_is_refused(made: Made) -> None:
    made.model("small", {**ASKED, "of_an_older_form": True})
    with pytest.raises(ContractError, match="with which parameters the champion was made"):
        _ = made.champion.parameters
    made.references.clear()
    with pytest.raises(ContractError, match="the champion's model is not in the store"):
        _ = made.champion.parameters


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("source", "in/rows.jsonl"),
        ("source", "rows.jsonl"),
        ("source", "./in"),
        ("source", "~/rows.jsonl"),
        ("base", "models/small"),
        ("base", "small"),
        ("teacher", "./large"),
        ("teacher", "my/models/large"),
        ("contract", "bells.toml"),
        ("mapping", "in/columns.toml"),
        ("policy", "strict.toml"),
        ("eval_sets", "safety,my/set"),
    ],
)
def test_a_path_kept_as_it_was_typed_is_refused_by_its_name(
    made: Made, field: str, given: str
) -> None:
    made.run("2026-01-01", "ours", **{field: given})
    with pytest.raises(ContractError) as refusal:
        made.champion.parameters_again()
    assert f"was given a path ({field}) that leads" in refusal.value.what
    assert refusal.value.where == f"{field}: {given}"


@pytest.mark.parametrize(
    "asked",
    [
        {"source": "demo", "base": "smollm2-135m-instruct"},
        {"source": "s3://bucket/rows", "base": "models:/bells@champion"},
        {"mapping": "instruction=question,output=a/b", "policy": "demo", "contract": "chat"},
        {"eval_sets": "safety,/sets/mine"},
        {"base": "small/one"},
    ],
)
def test_what_means_the_same_everywhere_is_taken(made: Made, asked: dict[str, str]) -> None:
    made.model("small/one", ASKED)  # an id on the hub is recorded as a whole
    made.run("2026-01-01", "ours", **asked)
    assert made.champion.parameters_again() == made.champion.parameters


def test_a_data_set_of_the_hub_may_be_looked_up_there_again(made: Made) -> None:
    made.snapshot("hub:org/rows")
    made.run("2026-01-01", "ours", source="org/rows?split=train")
    assert made.champion.parameters_again().source == "org/rows?split=train"
