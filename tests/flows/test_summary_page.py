"""The summary as a page: the verdict first, links that lead somewhere, what holds at its end."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from flows.showing.leading_on import NextStep
from flows.showing.places import Pages, Place
from flows.showing.publishing import SCORED_TAG, log_scores
from flows.showing.summary import RetrainSummary
from flows.showing.summary_page import summary_page, table
from flows.showing.summary_text import outcome, render
from flows.workshop.settings import Settings
from model_registry.run_log import newest_runs
from model_registry.tracking import open_registry
from tasks.finetuning.steps import FINGERPRINT

OLDER = Path(__file__).with_name("older_store") / "store/runs/help-desk"
Run = tuple[Path, CompletedProcess[str]]


@pytest.fixture(scope="module")
def summary(planted_run: Run) -> RetrainSummary:
    """Return the summary that the first run has kept in its home: other tests run there again."""
    home, ended = planted_run
    kept = min((home / "store/runs/shelves").glob("*.json"))
    assert "Next       " in ended.stdout
    return RetrainSummary.model_validate_json(kept.read_bytes())


def test_the_verdict_comes_first_and_the_next_thing_before_the_tables(
    summary: RetrainSummary,
) -> None:
    lines = [line for line in summary_page(summary).splitlines() if line]
    assert lines[0] == "# shelves-candidate version 1 was refused by its gates"
    assert "It learned from 42 of 46 rows in 4 steps" in lines[1]
    assert lines[2].startswith("**Next:** Read which gates refused it and why")
    assert lines[3].startswith("- click [Dossier](http")
    assert lines[4].startswith("- or type `paddock run --source=")
    assert "\n| gate | verdict | reason |\n" in summary_page(summary)


def test_pages_of_a_home_without_servers_say_how_they_are_opened(summary: RetrainSummary) -> None:
    page = summary_page(summary)
    assert "To open them, run `make up`" in page
    keys = {place.key for place in summary.places}
    assert keys == {
        "review",
        "candidate-version",
        "dossier",
        "training-run",
        "trainings",
        "evaluation-report",
        "data-docs",
    }
    for place in summary.places:
        assert place.markdown in page


def test_what_the_links_name_is_there(planted_run: Run, summary: RetrainSummary) -> None:
    registry = open_registry(f"sqlite:///{planted_run[0]}/mlflow.db")
    found = [re.search(r"experiments/(\d+)/runs/(\w+)", p.url) for p in summary.places]
    runs = [match.groups() for match in found if match]
    assert len(runs) == 4  # dossier, training, report and data docs
    for experiment, run in runs:
        assert registry.client.get_run(run).info.experiment_id == experiment
    files = [
        p.url.split("/artifacts/")[-1].split("?")[0] for p in summary.places if "/artif" in p.url
    ]
    for file in files:
        assert any((planted_run[0] / "mlflow-artifacts").rglob(file)), file


def test_a_training_has_its_settings_and_its_scores_in_one_run(
    planted_run: Run, summary: RetrainSummary
) -> None:
    registry = open_registry(f"sqlite:///{planted_run[0]}/mlflow.db")
    (trained,) = [
        run for run in registry.search_runs("shelves", {}) if FINGERPRINT in run.data.tags
    ]
    params, metrics = trained.data.params, trained.data.metrics
    assert params["base_model"] == "tiny-model0" and params["data"].startswith(
        "rows.jsonl, 42 rows"
    )
    assert params["max_steps"] == "4"
    score = next(metric for metric in summary.metrics if metric.key == "safety/refusal")
    assert metrics["scores/safety.refusal"] == score.scores["candidate"].value
    assert next(iter(metrics)) == "loss"
    place = str(trained.info.experiment_id)
    assert newest_runs(registry, place, FINGERPRINT, 8) == [trained.info.run_id]
    scorecard = planted_run[0] / "store/scorecard"
    (folder,) = (path.parent for path in scorecard.glob("*/scorecard.json"))
    digest = trained.data.tags[SCORED_TAG]
    log_scores(registry, "shelves", trained.data.tags[FINGERPRINT], digest, folder)
    log_scores(registry, "shelves", "of another registry", digest, folder)
    run = trained.info.run_id
    assert len(registry.client.get_metric_history(run, "scores/safety.refusal")) == 1


def test_a_model_that_serves_is_not_said_to_have_no_champion(summary: RetrainSummary) -> None:
    assert "there is no champion yet" in summary_page(summary)
    serving = summary.model_copy(
        update={
            "passed": True,
            "serves": 3,
            "is_champion": True,
            "gates": [line.model_copy(update={"passed": True}) for line in summary.gates],
            "next_step": NextStep(text="Nothing: it serves, as version 3 of shelves."),
        }
    )
    for text in (summary_page(serving), render(serving)):
        assert "serves" in text and "as version 3" in text
        assert "there is no champion yet" not in text
    later = summary.model_copy(update={"serves": 2})
    assert "nothing served then, and version 2 does now" in summary_page(later)


def test_a_run_that_found_all_finished_says_so_first(summary: RetrainSummary) -> None:
    again = [stage.model_copy(update={"reused": True}) for stage in summary.stages]
    found = summary.model_copy(update={"stages": again})
    assert render(found).startswith("Nothing new: every stage was finished before.")
    assert outcome(found).startswith("Nothing new, all stages were finished before.")
    assert "**Nothing new" in summary_page(found).splitlines()[2]
    assert "Nothing new" not in render(summary)


def test_a_summary_of_an_earlier_build_is_a_page_too() -> None:
    (kept,) = OLDER.glob("*.json")
    summary = RetrainSummary.model_validate_json(kept.read_bytes())
    assert "**Next:**" not in summary_page(summary)
    assert summary.candidate_digest in summary_page(summary)


def test_a_cell_cannot_end_its_table() -> None:
    assert table(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x/y | z |"


@pytest.mark.parametrize(
    ("given", "mlflow", "prefect", "shared"),
    [
        ({}, "http://127.0.0.1:5000", "http://127.0.0.1:4200", False),
        ({"MLFLOW_TRACKING_URI": "postgresql://u:secret@db/mlflow"}, "", None, False),
        (
            {
                "MLFLOW_TRACKING_URI": "https://u:secret@mlflow.example/",
                "PREFECT_API_URL": "https://prefect.example/api",
            },
            "https://mlflow.example",
            "https://prefect.example",
            True,
        ),
    ],
)
def test_addresses_hold_no_login_and_lead_nowhere_where_there_is_no_server(
    given: dict[str, Any],
    mlflow: str,
    prefect: str | None,
    shared: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PADDOCK_PREFECT_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    pages = Pages(Settings())
    assert pages.mlflow == mlflow
    assert prefect is None or pages.prefect == prefect
    assert pages.shared == shared == (not pages.how_to_open)
    assert "secret" not in pages.version("desk", 1) + pages.flow_run("x")


def test_each_place_is_a_link_artifact(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.showing import publishing

    made: dict[str, str] = {}

    def create(link: str, *, key: str, **_: str) -> None:
        made[key] = link

    monkeypatch.setattr(publishing, "create_link_artifact", create)

    def show(**page: str) -> None:
        made.update(page)

    monkeypatch.setattr(publishing, "create_markdown_artifact", show)
    place = Place(key="dossier", text="Dossier", url="http://mlflow.example/#/d")
    publishing.publish_page("verdict", "It passed.", "", places=[place], to_do="read it.")
    assert made["link-dossier"] == place.url
    assert made["markdown"] == (
        "It passed.\n\n**Next:** read it.\n\n- [Dossier](http://mlflow.example/#/d)"
    )
