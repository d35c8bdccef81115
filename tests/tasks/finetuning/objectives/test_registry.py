"""Another objective is one class and one line: everything else reads the registry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.asking.parameters import RetrainParameters
from tasks.finetuning.objectives.registry import OBJECTIVES
from tasks.finetuning.recipe import Recipe, TrainingJob

# An interpreter of its own: the class and the line are there before anything else is imported.
ADDED = """
import json, sys
from pathlib import Path
from pydantic import Field
from tasks.finetuning.objectives.objective import Settings, refused
from tasks.finetuning.objectives.registry import OBJECTIVES
from tasks.finetuning.objectives.supervised import Supervised

class HalfSettings(Settings):
    half_share: float = Field(default=0.5, gt=0, le=1, description="Share of the loss.")

class Half(Supervised):
    name, about, settings, figures = "half", "a part of the loss", HalfSettings, ("whole",)
    share = 1.0

    @classmethod
    def require(cls, kind, given, teacher):
        super().require(kind, given, teacher)
        if kind == "document":
            raise refused("documents are whole", "objective: half", "give chats")

    @classmethod
    def over(cls, items, recipe, teacher=None):
        made = cls(items)
        made.share = HalfSettings.of(recipe).half_share
        return made

    def sums(self, model, batch, liger):
        import torch
        [loss] = super().sums(model, batch, liger)
        return torch.stack([loss * self.share, loss.detach()])

OBJECTIVES["half"] = Half

from data_contracts.errors import InputError
from flows.command.cli import main
from flows.asking.parameters import RetrainParameters
from flows.asking.training import training_recipe
from tasks.finetuning.history import FIGURES
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.train_process import train

asked = RetrainParameters(objective="half", half_share=0.25)
drawn = RetrainParameters.model_json_schema()["properties"]["training"]["anyOf"][0]
found = {"form": drawn["properties"]["objective"]["enum"]}
assert "half_share" in drawn["properties"]
found["setting"] = training_recipe(asked, "chat").deciding()["half_share"]
found["foreign"] = "half_share" in Recipe().deciding()
try:
    training_recipe(asked, "document")
except InputError as error:
    found["refused"] = error.where
job = json.loads(Path(sys.argv[1]).read_text())
job["recipe"] |= {"objective": "half", "half_share": 0.25}
events = []
summary = train(TrainingJob.model_validate(job), Path(job["out"]), events.append)
steps = [event for event in events if event["event"] == "step"]
found["losses"] = [[event["loss"], event["whole"], event["words"]] for event in steps]
found["shown"] = "whole" in FIGURES
found["measured"] = summary.measured["whole"] / summary.validation_loss
print(json.dumps(found))
"""


def test_an_objective_is_added_in_one_place_and_trains(
    make_job: Callable[..., TrainingJob], tmp_path: Path
) -> None:
    job = make_job(tmp_path / "out", max_steps=2)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    words = [sys.executable, "-c", ADDED, str(tmp_path / "job.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["form"] == [*OBJECTIVES, "half"] and found["setting"] == 0.25
    assert found["refused"] == "objective: half" and not found["foreign"] and found["shown"]
    assert len(found["losses"]) == 2
    for loss, whole, said in found["losses"]:
        assert whole == pytest.approx(4 * loss, rel=1e-4) and said == [f"whole {whole:.3f}"]
    assert found["measured"] == pytest.approx(4, rel=1e-4)


def test_the_recipe_and_the_form_hold_the_settings_that_each_objective_names() -> None:
    for fields in (Recipe.model_fields, RetrainParameters.model_fields):
        for one in OBJECTIVES.values():
            for name, field in one.settings.model_fields.items():
                assert fields[name].default == field.default and field.description
    about = RetrainParameters.model_fields["objective"].description or ""
    assert all(f"{name}: {one.about}" in about for name, one in OBJECTIVES.items())
