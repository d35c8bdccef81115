"""Names are found by the real model, lists and context; ordinary words stay."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy
import pytest

from data_contracts.errors import InputError
from tasks.redaction.names.entities import Entity, kind_of
from tasks.redaction.names.finder import NameFinder, build_name_finder, names_identity
from tasks.redaction.names.model import load_names_model


@pytest.fixture(scope="module")
def finder() -> NameFinder:
    return build_name_finder()


def values(finder: NameFinder, text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in finder.find([text])[0]]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("My name is Marjorie Haldane and I have a question.", "PERSON", "Marjorie Haldane"),
        ("my name is marjorie haldane and i have a question", "PERSON", "marjorie haldane"),
        ("MY NAME IS MARJORIE HALDANE AND I HAVE A QUESTION", "PERSON", "MARJORIE HALDANE"),
        ("Please forward it to Mr. Okonjo-Bamidele today.", "PERSON", "Okonjo-Bamidele"),
        ("Please add Zdeněk Hřebíček to the account", "PERSON", "Zdeněk Hřebíček"),
        ("Best regards,\nWiebke Oltmanns", "PERSON", "Wiebke Oltmanns"),
        ("I spoke to Anna van der Berg about it.", "PERSON", "Anna van der Berg"),
        ("my name is mark, nice to meet you", "PERSON", "mark"),
        ("The meeting with Mary's team is moved.", "PERSON", "Mary"),
        ("My friend lives in PUNKALAIDUN", "LOCATION", "PUNKALAIDUN"),
        ("We moved here from Kvikkjokk last year", "LOCATION", "Kvikkjokk"),
        ("i moved to nairobi last year", "LOCATION", "nairobi"),
        ("She travels to the Czech Republic every summer.", "LOCATION", "Czech Republic"),
        ("we stayed in Mány, it was lovely", "LOCATION", "Mány"),
        ("王伟 lives in 北京", "PERSON", "王伟"),
        ("huisarts dr. Hoekstra", "PERSON", "Hoekstra"),
        ('{"ssn": "-", "first": "Darnell", "last": "Okafor-Hughes"}', "PERSON", "Okafor-Hughes"),
        ('<osoba imie="Halina" nazwisko="Stępień"/>', "PERSON", "Stępień"),
        ("Где это? We live in ΛΕΜΕΣΟΣ now", "LOCATION", "ΛΕΜΕΣΟΣ"),
        ("She works at Siemens as an engineer.", "ORGANIZATION", "Siemens"),
        ("The invoice came from Harrowgate Tools Ltd last week.", "ORGANIZATION", "Harrowgate"),
        (
            "we got an offer from northwind traders inc yesterday",
            "ORGANIZATION",
            "northwind traders",
        ),
        ("The Qlixnet office is closed on Mondays.", "ORGANIZATION", "Qlixnet"),
        ("We were sued by Pratt, Ellery and Moss.", "ORGANIZATION", "Pratt, Ellery and Moss"),
        ("He studied at the University of Lethbridge.", "ORGANIZATION", "University of Lethbridge"),
    ],
)
def test_names_are_found(finder: NameFinder, text: str, kind: str, value: str) -> None:
    assert any(k == kind and value in v for k, v in values(finder, text)), values(finder, text)


def test_an_address_block_is_read_by_its_lines(finder: NameFinder) -> None:
    text = "Greta Oduya\nBlue Lantern Works\n14 Mill Road\nKvikkjokk\nNorway 10245"
    assert values(finder, text)[0] == ("PERSON", "Greta Oduya")
    assert ("ORGANIZATION", "Blue Lantern Works") in values(finder, text)
    assert ("LOCATION", "Kvikkjokk") in values(finder, text)
    assert ("LOCATION", "Norway") in values(finder, text)


@pytest.mark.parametrize(
    "text",
    [
        "On Monday we use Excel and Python, as every Christmas.",
        "hahaha lol omg its sooo good dude",
        "Will my account stay active until May?",
        "I don't know, aren't they open on Sundays?",
        "WHY IS THIS NOT WORKING PLEASE HELP ME",
        "The French and Spanish lessons are in English.",
        "Natural numbers: 34500-33000=1500, so x = 12 * 3.",
        "Thanks! Great. Okay, see you tomorrow. Nice!",
        "def Open(File): return None  # TODO: SQL, API and JSON",
        "Order LMG-20417 ships in 3 days; see https://www.example.com/Orders/Anna.",
        "See Main.java at line 42, or Report.pdf.",
        "Write to Anna.Keller@mail.example",
        "Sehr geehrte Damen und Herren, bitte antworten bis Freitag.",
        "Numéro de sécurité sociale : voir la carte",
        "BSN and DNI are numbers; Das ist nicht meine Karte",
        "diff --git a/src/pager.c b/src/pager.c",
        "1042 ns/op  512 B/op",
        "i got the wrnog tyre frm them",
        "",
        " \n\n ",
    ],
)
def test_what_is_no_name_stays(finder: NameFinder, text: str) -> None:
    assert values(finder, text) == []


def test_findings_lie_in_order_in_the_text_and_say_what_found_them(finder: NameFinder) -> None:
    text = "Dear Dr. Amadi,\nI live in Lagos and work for Acme Corp.\nRegards,\nJohn Smith"
    found = finder.find([text])[0]
    assert [one.kind for one in found] == ["PERSON", "LOCATION", "ORGANIZATION", "PERSON"]
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(0.5 < one.score <= 0.95 and one.detector for one in found)


def test_the_same_text_gives_the_same_whatever_is_read_with_it(finder: NameFinder) -> None:
    texts = [
        f"{name} from {place} met us {number} times, and works at {firm}."
        for number, (name, place, firm) in enumerate(
            zip(
                _cycle("Ann Lee", "Bodo Karr"),
                _cycle("Oslo", "Turku", "Bari"),
                _cycle("Ikea", "Xq"),
                strict=False,
            )
        )
    ]
    together = finder.find(texts)
    assert together == [finder.find([text])[0] for text in texts]
    assert together[::-1] == finder.find(texts[::-1])


def _cycle(*values: str) -> Iterable[str]:
    return (values * 60)[:60]


def test_a_text_without_a_full_stop_costs_no_more_than_its_length(finder: NameFinder) -> None:
    text = "Anna Keller and " * 4_000
    assert 4_000 <= len(finder.find([text])[0]) < 4_100  # a cut may go through a name


def test_a_missing_model_is_an_input_error(tmp_path: Path) -> None:
    for name in ("no_such_names_model", str(tmp_path), f"hf:{tmp_path}"):
        with pytest.raises(InputError, match="no names model"):
            build_name_finder(name)


def test_identity_names_model_rules_and_lists() -> None:
    identity = names_identity()
    assert identity["model"].startswith("en_core_web_md")
    assert identity["spacy"]
    assert len(identity["lists"]) == 16
    assert json.loads(json.dumps(identity)) == identity


@pytest.mark.parametrize(
    ("label", "kind"),
    [("B-PER", "PERSON"), ("GPE", "LOCATION"), ("I-org", "ORGANIZATION"), ("B-MISC", "OTHER")],
)
def test_labels_of_models_are_ours(label: str, kind: str) -> None:
    assert kind_of(label) == kind


@pytest.mark.parametrize("shared", [True, False])
def test_a_pipeline_whose_name_finder_listens_to_another_part_finds_names(
    tmp_path: Path, shared: bool
) -> None:
    """As those made with spaCy's own training template are; and one that stands by itself."""
    import spacy
    from spacy.training import Example

    pipeline = spacy.blank("en")
    pipeline.add_pipe("tok2vec")
    listener = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 32,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96},
    }
    pipeline.add_pipe("ner", config={"model": listener} if shared else {})
    told = [("Ann Lee sells tents", [(0, 7, "PERSON")]), ("They sell tents", [])]
    examples = [
        Example.from_dict(pipeline.make_doc(text), {"entities": names}) for text, names in told
    ]
    random.seed(0)
    numpy.random.seed(0)  # which initializes what spaCy trains
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(40):
        pipeline.update(examples, sgd=optimizer)
    pipeline.to_disk(tmp_path / "model")
    found = load_names_model(str(tmp_path / "model")).read([text for text, _ in told])
    assert found == [[Entity("PERSON", 0, 7)], []]
