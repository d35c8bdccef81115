"""A contract's policies hold wherever its data, or answers to it, are redacted again."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows import retraining
from flows.asking.parameters import RetrainParameters
from flows.retraining import Retraining
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import Settings
from tasks.human_review.steps import Sampling
from tasks.storage.stages import SNAPSHOT

MAIL, IP = "marjorie.haldane@mail.example", "203.0.113.77"
TEXT = f"Write to {MAIL} from the address {IP}."


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(Settings(home=tmp_path / "home"))


@pytest.fixture
def recipe(workshop: Workshop) -> RedactorRecipe:
    return workshop.redactor(names=False, keep=(), policies={"EMAIL": "hash", "IP": "mask"})


def holds(redacted: str, recipe: RedactorRecipe) -> bool:
    """Tell whether a text was redacted by the policies, with the key of ingestion's hashes."""
    assert redacted == recipe().redact_text(TEXT)
    return bool(re.fullmatch(r"Write to <EMAIL_\w{16}> from the address [*.]+\.", redacted))


def test_the_inference_log_is_read_by_the_policies_of_the_training_data(
    workshop: Workshop, recipe: RedactorRecipe
) -> None:
    made = workshop.outputs.build(
        SNAPSHOT.of({}, {"redaction": recipe.identity()}), lambda folder: {}
    )
    found = workshop.redactor_of(made.reference)
    assert found.identity() == recipe.identity()
    assert holds(found().redact_records([[TEXT]])[0].texts[0], recipe)


def test_surrogates_of_the_training_data_are_those_of_the_log_and_people_see_placeholders(
    workshop: Workshop,
) -> None:
    """What drift compares is alike; a sample for reviewers says what was taken out."""
    recipe = workshop.redactor(
        names=False, keep=(), policies={"EMAIL": "surrogate"}, consistent=True
    )
    made = workshop.outputs.build(
        SNAPSHOT.of({}, {"redaction": recipe.identity()}), lambda folder: {}
    )
    found = workshop.redactor_of(made.reference)
    assert found.identity() == recipe.identity()
    trained = recipe().redact_records([["a row", TEXT]])[0].texts[1]
    assert found().redact_records([[TEXT, "an answer"]])[0].texts[0] == trained
    assert re.search(r"@example\.(?:com|org|net) ", trained) and MAIL not in trained
    shown = found().redact_text(TEXT)
    assert re.fullmatch(r"Write to <EMAIL_\w{16}> from the address <IP_\w{16}>\.", shown)
    assert found().redact_text(shown) == shown


def test_rows_kept_by_their_forms_alone_are_compared_with_a_log_that_is_read_so(
    workshop: Workshop,
) -> None:
    forms = workshop.redactor(names=True, keep=(), unread="forms")
    made = workshop.outputs.build(
        SNAPSHOT.of({}, {"redaction": forms.identity()}), lambda folder: {}
    )
    assert workshop.redactor_of(made.reference).identity() == forms.identity()


def test_reviewers_see_answers_by_the_policies_of_the_contract(
    workshop: Workshop, recipe: RedactorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Drawn(Exception):  # noqa: N818
        pass

    asked: dict[str, Any] = {}

    def sample_step(_: object, __: object, sampling: Sampling) -> None:
        asked.update(sampling=sampling)
        raise Drawn

    monkeypatch.setattr(retraining, "sample_step", sample_step)
    inputs = cast("Any", SimpleNamespace(ingest=SimpleNamespace(redactor=recipe)))
    run = Retraining(workshop, RetrainParameters(), inputs)
    with pytest.raises(Drawn):
        run._review(cast("Any", None))  # pyright: ignore[reportPrivateUsage]
    assert asked["sampling"].redaction == recipe.identity()
    assert holds(asked["sampling"].build_redactor().redact_text(TEXT), recipe)
