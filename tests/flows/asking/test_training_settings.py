from __future__ import annotations

from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.registry import RecordKind
from flows.asking.parameters import RetrainParameters
from flows.asking.training import training_recipe


def recipe(kind: RecordKind, **settings: Any) -> Any:
    return training_recipe(RetrainParameters.model_validate(settings), kind)


def test_what_a_person_gave_arrives_in_the_recipe() -> None:
    found = recipe("preference", objective="dpo", dpo_beta=0.5, method="full", max_steps=3)
    assert (found.objective, found.dpo_beta, found.method) == ("dpo", 0.5, "full")
    assert found.max_steps == 3


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
