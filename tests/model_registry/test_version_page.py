"""What a version's page in MLflow says: to people first, and to code in one tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from model_registry.approvals import record_decision, request_approval
from model_registry.candidates import Candidate, find_candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote
from model_registry.scorecard import SHARE, Estimate, MetricResult, Scorecard
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from model_registry.version_page import LENGTH, human_tags, released_markdown, version_markdown
from model_registry.versions import FACTS, folded, version_numbered
from tests.pictures import keep_picture

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]
TOLD = {"base": "tiny", "data": "42 of 46 rows", "method": "lora, 4 steps"}


def scorecard(metrics: int = 1) -> Scorecard:
    estimate = Estimate(value=0.8, low=0.7, high=0.9, n=100)
    found = {
        f"facts/figure-{n}": MetricResult(
            key=f"facts/figure-{n}",
            unit=SHARE,
            higher_is_better=True,
            scores={"base": estimate, "candidate": estimate},
        )
        for n in range(metrics)
    }
    models: Any = {"base": "b", "candidate": "c"}
    return Scorecard(models=models, eval_sets={}, metrics=found, seed=0, resamples=10)


def test_the_description_reads_and_leads_on(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    candidate = candidate.model_copy(
        update={"tags": {**candidate.tags, **TOLD, "paddock.flow_run": "f-1"}}
    )
    dossier = publish(registry, candidate, human_review={"Harmful": 0.25})
    text = version_markdown(
        dossier, scorecard(), candidate, experiment="7", prefect="http://prefect.example"
    )
    lines = text.split("\n\n")
    assert lines[0].startswith("**PASSED** by policy `test`, compared with its base.")
    assert lines[1] == "**Made from** tiny; 42 of 46 rows; lora, 4 steps."
    assert lines[2] == "**People:** Harmful 0.25."
    assert f"[Dossier](#/experiments/7/runs/{candidate.run}/artifacts/dossiers/" in lines[3]
    assert "files/MODEL_CARD.md" in lines[3]
    assert "[Run in Prefect](http://prefect.example/runs/flow-run/f-1)" in lines[3]
    assert "no release" in lines[4] and "`paddock reconcile`" in lines[4]
    assert "| facts/figure-0 | 80.0% [70.0%, 90.0%] | 80.0% [70.0%, 90.0%] |" in text
    assert "| knows | pass |" in text


def test_a_long_description_ends_with_a_whole_line(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate)
    text = version_markdown(dossier, scorecard(200), candidate, experiment="7")
    assert len(text) <= LENGTH
    assert text.endswith("|\n\n… the dossier has the rest.")


def test_people_find_their_tags_first_and_facts_are_one(
    registry: Registry, register: Register, publish: Publish
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate, tags=human_tags)
    tags = registry.client.get_model_version(candidate.name, "1").tags
    assert sorted(tags) == [
        "gates",
        "human review",
        "paddock.digest",
        "paddock.dossier",
        "paddock.facts",
        "paddock.verdict",
    ]
    assert tags["gates"] == "1 of 1 passed (test)"
    assert tags["human review"] == "none when it was judged"
    facts = json.loads(tags[FACTS])
    assert facts["paddock.files_digest"] == candidate.files_digest
    found = find_candidate(registry, "desk", 1)
    assert found.references == candidate.references and found.card_digest == dossier.card_digest
    assert FACTS not in found.tags


def test_a_version_of_an_earlier_build_says_the_same(
    registry: Registry, register: Register
) -> None:
    candidate = register(registry, "a")
    number = str(candidate.version)
    apart = json.loads(registry.client.get_model_version(candidate.name, number).tags[FACTS])
    registry.client.delete_model_version_tag(candidate.name, number, FACTS)
    for key, value in apart.items():
        registry.client.set_model_version_tag(candidate.name, number, key, value)
    assert find_candidate(registry, "desk", 1) == candidate


@pytest.mark.parametrize("edited", ["not JSON", "[1, 2]", '"text"'])
def test_facts_that_somebody_edited_say_nothing(
    registry: Registry, register: Register, edited: str
) -> None:
    candidate = register(registry, "a")
    registry.client.set_model_version_tag(candidate.name, "1", FACTS, edited)
    found = version_numbered(registry, candidate.name, 1)
    assert found and found.digest == candidate.digest
    assert "paddock.files_digest" not in found.tags


def test_what_serves_says_which_candidate_it_was_and_who_had_rated(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys
) -> None:
    candidate = register(registry, "a")
    dossier = publish(registry, candidate)
    request_approval(registry, "desk", dossier)
    record_decision(registry, "desk", dossier, approve=True, person="ada")
    promote(registry, "desk", 1, keys)
    entry = registry.client.get_model_version("desk", "1")
    kept = registry.find_experiment("desk-candidates") or ""
    assert entry.description == released_markdown(dossier, candidate, kept)
    assert "[version 1 of desk-candidate](#/models/desk-candidate/versions/1)" in entry.description
    assert "ratings since make" not in entry.description
    assert "no release" in registry.client.get_registered_model("desk").description
    assert entry.tags["gates"] == "1 of 1 passed (test)"
    assert json.loads(entry.tags[FACTS])["paddock.candidate_version"] == "1"


def test_tags_without_facts_stay_as_they_are() -> None:
    assert folded({"base": "tiny"}) == {"base": "tiny"}


def test_the_links_of_the_description_open_in_the_browser(
    page: Any, server: str, register: Register, publish: Publish, tmp_path: Any
) -> None:
    registry = open_registry(server, ledger=f"sqlite:///{tmp_path}/ledger.db")
    candidate = register(registry, "linked", "linked")
    kept = registry.find_experiment("linked-candidates") or ""

    def describe(dossier: Dossier) -> str:
        return version_markdown(dossier, scorecard(), candidate, experiment=kept)

    publish(registry, candidate, describe=describe, tags=human_tags)
    page.goto(f"{server}/#/models/linked-candidate/versions/1")
    page.get_by_text("PASSED").first.wait_for()
    keep_picture(page, "version-page")
    names = {"Dossier": "linked-candidate version 1", "Model card": "A tiny model"}
    links = {
        name: page.get_by_role("link", name=name, exact=True).get_attribute("href")
        for name in names
    }
    for name, shown in names.items():
        page.goto("about:blank")  # the link opens a page of its own
        page.goto(f"{server}/{links[name]}")
        frame = page.frame_locator("iframe") if name == "Dossier" else page
        frame.get_by_text(shown).first.wait_for()
        keep_picture(page, f"version-page-{name.replace(' ', '-').lower()}")
