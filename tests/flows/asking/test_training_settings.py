from __future__ import annotations

from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.registry import RecordKind
from flows.asking.parameters import FinetuneParameters, RetrainParameters
from flows.asking.training import training_recipe
from tasks.finetuning.hyperparameters import Hyperparameters
from tasks.finetuning.recipe import Recipe


def recipe(kind: RecordKind, **settings: Any) -> Any:
    return training_recipe(RetrainParameters.model_validate(settings), kind)


def test_what_a_person_gave_arrives_in_the_recipe() -> None:
    found = recipe("preference", objective="dpo", dpo_beta=0.5, method="full", max_steps=3)
    assert (found.objective, found.dpo_beta, found.method) == ("dpo", 0.5, "full")
    assert found.max_steps == 3


def test_every_number_of_the_recipe_is_what_the_form_says(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {"lora_dropout": 0.1, "neftune_noise_alpha": 5.0, "weight_decay": 0.01}
    changed |= {"max_grad_norm": 0.3, "warmup_ratio": 0.2, "lr_scheduler_type": "linear"}
    for form in (RetrainParameters, FinetuneParameters):
        asked = form.model_validate(changed)
        found = training_recipe(asked, "chat")
        assert {name: getattr(found, name) for name in changed} == changed
        assert set(Recipe.model_fields) == set(Hyperparameters.model_fields)
    # A field that the form does not know would be its default in silence.
    fields = {**Recipe.model_fields, "of_another_name": Recipe.model_fields["seed"]}
    monkeypatch.setattr(Recipe, "__pydantic_fields__", fields)
    with pytest.raises(AttributeError, match="of_another_name"):
        recipe("chat")


@pytest.mark.parametrize("kind", ["chat", "instruction", "document"])
def test_dpo_is_refused_without_pairs(kind: RecordKind) -> None:
    with pytest.raises(InputError) as error:
        recipe(kind, objective="dpo")
    assert error.value.where == "objective: dpo" and "kind: preference" in str(error.value)


def test_settings_of_another_objective_decide_nothing() -> None:
    one, other = recipe("chat"), recipe("chat", dpo_beta=0.7)
    assert one != other and one.deciding() == other.deciding()
    assert recipe("preference", objective="dpo").deciding()["dpo_beta"] == 0.1


@pytest.mark.parametrize(
    ("kind", "settings", "where"),
    [
        ("chat", {"objective": "distill"}, "teacher"),
        ("chat", {"teacher": "some/model"}, "teacher"),
        (
            "document",
            {"objective": "distill", "teacher": "some/model", "distill_from": "answers"},
            "distill_from: answers",
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(
    kind: RecordKind, settings: dict[str, Any], where: str
) -> None:
    with pytest.raises(InputError) as error:
        recipe(kind, **settings)
    assert error.value.where == where


def test_a_teacher_is_asked_for_logits_or_answers() -> None:
    asked = {"objective": "distill", "teacher": "some/model"}
    assert recipe("document", **asked).learns_logits
    answers = recipe("chat", **asked, distill_from="answers", distill_max_new_tokens=9)
    assert not answers.learns_logits and answers.distill_max_new_tokens == 9
    assert not recipe("chat").learns_logits
