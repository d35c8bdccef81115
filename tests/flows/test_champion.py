from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from data_contracts.errors import ContractError
from flows.asking.parameters import RetrainParameters
from flows.champion import Champion
from flows.command import forgetting
from flows.workshop.parts import Workshop
from model_registry.versions import Version
from tasks.lineage.uses import ModelUse, SnapshotUse
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs
from tasks.storage.stages import MODEL

ASKED = {"name": "bells", "source": "/data/rows.jsonl", "max_steps": 400, "base": "/models/small"}


class Made:
    """A store in which a champion was made; `champion` reads it anew."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder / "store")
        self.outputs = Outputs(self.store, folder / "work")
        self.references = dict[str, str]()

    def model(self, base: str, parameters: dict[str, Any]) -> None:
        made = {"base": {"name": base}, "parameters": parameters}
        files = {"training.json": {"base": base, **parameters}, "about/reproduce.json": made}
        self.references["model"] = self._output(files)

    def run(self, at: str, digest: str, **asked: Any) -> None:
        summary = {"candidate_digest": digest, "parameters": {**ASKED, **asked}}
        self.store.write(f"runs/bells/{at}.json", json.dumps(summary).encode())

    def _output(self, files: dict[str, Any]) -> str:
        def make(folder: Path) -> dict[str, int]:
            for name, content in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(json.dumps(content))
            return {}

        return self.outputs.build(MODEL.of({}, {"of": str(files)}), make).reference.digest

    @property
    def workshop(self) -> Workshop:
        parts = SimpleNamespace(store=self.store, outputs=self.outputs, registry=None)
        return cast("Workshop", parts)

    def version(self, name: str, number: int, digest: str) -> Version:
        tags = {f"paddock.reference.{role}": digest for role, digest in self.references.items()}
        return Version(name=name, version=number, run="r", digest=digest, uri="", tags=tags)

    @property
    def champion(self) -> Champion:
        return Champion(self.workshop, self.version("bells", 2, "ours"), "drift")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = Made(tmp_path)
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
        ("source", "org/rows"),  # a path is never looked up on the hub, nor the other way round
        ("base", "models/small"),
        ("base", "small"),
        ("teacher", "./large"),
        ("teacher", "my/models/large"),
        ("contract", "bells.toml"),
        ("mapping", "in/columns.toml"),
        ("policy", "strict.toml"),
        ("eval_sets", "safety,my/set"),
        ("eval_sets", "my_set"),
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
        {"source": "hub:org/rows", "teacher": "large/one"},
        {"source": "org/rows?split=train"},
        {"mapping": "instruction=question,output=a/b", "policy": "demo", "contract": "chat"},
        {"eval_sets": "safety,/sets/mine"},
        {"base": "small/one"},
    ],
)
def test_what_means_the_same_everywhere_is_taken(made: Made, asked: dict[str, str]) -> None:
    made.model("small/one", ASKED)  # an id on the hub is recorded as a whole
    made.run("2026-01-01", "ours", **asked)
    assert made.champion.parameters_again() == made.champion.parameters


def test_a_record_whose_lists_were_texts_is_read(made: Made) -> None:
    lists = {"eval_sets": "safety, /sets/mine", "keep": "Tarn 30,"}
    made.run("2026-01-01", "ours", kind="chat", contract="/c/orders.toml", **lists)
    found = made.champion.parameters
    assert (found.eval_sets, found.keep) == (("safety", "/sets/mine"), ("Tarn 30",))
    assert found.kind is None  # it was chat because nobody said otherwise
    made.run("2026-01-02", "ours", kind="chat", contract="/c/orders.toml", eval_sets=[])
    assert made.champion.parameters.kind == "chat"


@pytest.mark.parametrize(
    ("serves", "repeated"), [("champion", "--max-steps=100"), ("", "--max-steps=4")]
)
def test_the_plan_to_forget_repeats_the_run_of_what_has_the_rows_and_serves(
    made: Made, monkeypatch: pytest.MonkeyPatch, serves: str, repeated: str
) -> None:
    made.run("2026-01-01", "ours", max_steps=100)
    made.run("2026-01-02", "a trial's", max_steps=4)
    made.run("2026-01-03", "of other rows", max_steps=9)  # the newest
    every = [made.version("bells", 2, "ours"), made.version("bells-candidate", 8, "a trial's")]

    def versions(_: object, name: str) -> list[Version]:
        return [version for version in every if version.name == name]

    monkeypatch.setattr(forgetting, "list_versions", versions)
    found = tuple(
        ModelUse(name=one.name, version=one.version, serves=serves if one.version == 2 else "")
        for one in every
    )
    assert repeated in _plan(made, found).split()


def test_the_plan_to_forget_says_why_a_run_cannot_be_repeated(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run("2026-01-01", "a trial's", source="in/rows.jsonl")
    version = made.version("bells-candidate", 8, "a trial's")

    def versions(_: object, name: str) -> list[Version]:
        return [version] if name == version.name else []

    monkeypatch.setattr(forgetting, "list_versions", versions)
    plan = _plan(made, (ModelUse(name=version.name, version=8, serves=""),))
    assert "the model's run was given a path (source)" in plan and "in/rows.jsonl" in plan


def _plan(made: Made, versions: tuple[ModelUse, ...]) -> str:
    use = SnapshotUse(
        stage="snapshot",
        key="snapshot/a",
        digest="a",
        created_at="",
        rows=(),
        made=(),
        versions=versions,
    )
    return "\n".join(
        forgetting._plan(made.workshop, [use])  # pyright: ignore[reportPrivateUsage]
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"teacher": "large/one", "keep": ""}, True),
        ({"teacher": "large/one", "keep": []}, False),  # a folder's path would be whole by now
        ({"teacher": "/models/large", "keep": ""}, False),
        ({"teacher": "smollm2-135m-instruct", "keep": ""}, False),
        ({"keep": ""}, False),
    ],
)
def test_how_a_teacher_of_an_older_record_is_read_is_said(
    made: Made, caplog: pytest.LogCaptureFixture, asked: dict[str, Any], said: bool
) -> None:
    made.run("2026-01-01", "ours", **asked)
    with caplog.at_level("WARNING", "paddock"):
        assert made.champion.parameters_again().teacher == asked.get("teacher", "")
    assert ("names the teacher large/one" in caplog.text) == said
    assert ("read as a model on the hub" in caplog.text) == said
