"""A record's texts are searched as their languages ask; the models are real spaCy pipelines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.redaction.engine import Redactor, build_redactor, redactor_identity
from tasks.redaction.names.model import ANY, DEFAULT_NAMES_MODEL, languages_of, models_named

GERMAN = "Guten Tag, die Bestellung von letzter Woche ist noch nicht angekommen."
GERMAN_NAME = "Mein Name ist Lukas Brandt und meine Adresse ist lukas@example.org, danke."
FRENCH = "Bonjour, le colis de Hélène Marchand n'est pas encore arrivé à Grenoble."
ENGLISH = "Hello, the parcel of Marjorie Haldane has not arrived yet."


@pytest.fixture(scope="module")
def french(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A French pipeline that marks two names."""
    import spacy

    pipeline = spacy.blank("fr")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PER", "pattern": "Hélène Marchand"},
            {"label": "LOC", "pattern": "Grenoble"},
            {"label": "MISC", "pattern": "colis"},
        ]
    )
    folder = tmp_path_factory.mktemp("names") / "fr_model"
    pipeline.to_disk(folder)
    return str(folder)


@pytest.fixture(scope="module")
def strict() -> Redactor:
    return build_redactor()


@pytest.fixture(scope="module")
def forms() -> Redactor:
    return build_redactor(unread="forms")


def test_english_is_searched_as_it_was(strict: Redactor, forms: Redactor) -> None:
    for redactor in (strict, forms):
        done = redactor.redact_record([ENGLISH])
        assert done.texts == ["Hello, the parcel of <PERSON_1> has not arrived yet."]
        assert done.unread == ""


def test_strict_says_that_nobody_reads_a_language_and_takes_what_might_be_a_name(
    strict: Redactor,
) -> None:
    done = strict.redact_record([GERMAN_NAME])
    assert done.unread == "de"
    assert "Lukas" not in done.texts[0] and "lukas@" not in done.texts[0]


def test_forms_leave_the_words_of_a_language_alone_but_for_what_is_announced(
    forms: Redactor,
) -> None:
    done = forms.redact_record([GERMAN, GERMAN_NAME])
    assert done.texts[0] == GERMAN
    assert done.texts[1] == "Mein Name ist <PERSON_1> und meine Adresse ist <EMAIL_1>, danke."
    assert done.unread == "de"
    assert done.detectors["label in its language"] == 1


def test_a_model_of_the_language_decides_there_and_only_there(french: str) -> None:
    redactor = build_redactor(names_model=f"{DEFAULT_NAMES_MODEL}, {french}")
    done = redactor.redact_record([FRENCH, ENGLISH])
    assert done.texts == [
        "Bonjour, le colis de <PERSON_1> n'est pas encore arrivé à <LOCATION_1>.",
        "Hello, the parcel of <PERSON_2> has not arrived yet.",
    ]
    assert done.unread == ""
    assert redactor.redact_record([GERMAN]).unread == "de"


def test_a_disguised_value_in_a_text_of_another_language_is_found(forms: Redactor) -> None:
    text = f"{GERMAN} Die Adresse ist lukas [at] example [dot] org."
    assert "example" not in forms.redact_record([text]).texts[0]


def test_each_line_has_its_language(forms: Redactor) -> None:
    note = "Internal note by agent: Marjorie Haldane called and her boss approved it."
    done = forms.redact_record([f"{GERMAN}\n{note}"])
    assert done.texts[0].startswith(f"{GERMAN}\nInternal note by agent: <PERSON_1> called")


def test_a_long_text_costs_no_more_than_its_length(forms: Redactor) -> None:
    """Blanks, which stand for what is in another language, cost what letters do."""
    seconds: list[float] = []
    for times in (200, 1600):
        began = time.process_time()
        forms.redact_record([f"{GERMAN} Hallo Lukas, " * times])
        seconds.append(time.process_time() - began)
    assert seconds[1] < 30 * max(seconds[0], 0.05)


def test_without_an_english_model_english_is_unread(french: str) -> None:
    redactor = build_redactor(names_model=french)
    assert redactor.redact_record([ENGLISH]).unread == "en"
    assert redactor.redact_record([FRENCH]).unread == ""


def test_which_languages_a_model_reads(french: str, tmp_path: Path) -> None:
    assert languages_of(DEFAULT_NAMES_MODEL) == ("en",)
    assert languages_of(french) == ("fr",)
    (tmp_path / "config.json").write_text("{}")
    assert languages_of(str(tmp_path)) == (ANY,)
    assert models_named("a, /b/c@de+fr") == [("a", ()), ("/b/c", ("de", "fr"))]


def test_the_identity_names_every_model_and_the_choice(french: str) -> None:
    one = redactor_identity()["names_model"]
    two = redactor_identity(names_model=f"{DEFAULT_NAMES_MODEL}, {french}")["names_model"]
    assert one["languages"]["unread"] == "strict" and "others" not in one
    assert [other["model"] for other in two["others"]] == ["fr_model"]
    assert redactor_identity(unread="forms")["names_model"] != one
    with pytest.raises(InputError, match="no names model"):
        redactor_identity(names_model=f"{DEFAULT_NAMES_MODEL}, nowhere_at_all")
