"""The whole way as its users go it: `paddock up`, a browser on Prefect and MLflow, people.

Real servers and a real worker train a tiny model on the demo's rows. Needs Chromium.
Pictures are kept in build/screenshots.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows.servers.decisions import ratings
from model_registry.accounts.applying import admin_of
from model_registry.accounts.server import AuthServer
from tasks.demo_desk.conversations import write_conversations
from tests.deploy.team import (
    Team,
    command_lines,
    fill_field,
    logged_in,
    running,
    submit,
    wait_for,
)
from tests.pictures import keep_picture
from tests.reviewing import fill_in, press, sample_in

pytestmark = pytest.mark.timeout(600)
NAME, WEBHOOKS = "browser-desk", "/api/2.0/mlflow/webhooks"
RETRAIN, PROMOTE = f"retrain/{NAME}", f"promote/{NAME}"
STEPS_HELP = "Stop training after this many optimizer steps."


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with running(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.fixture
def page(team: Team, browser: Any) -> Generator[Any]:
    """Return a page of somebody who is logged in to both servers as an approver."""
    with logged_in(team, browser) as page:
        yield page


def test_both_servers_ask_for_a_login_and_say_they_are_well_without_one(team: Team) -> None:
    for address in (f"{team.mlflow}/health", f"{team.prefect}/api/health"):
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
    for address in (
        f"{team.mlflow}/api/2.0/mlflow/registered-models/search",
        f"{team.prefect}/api/admin/version",
    ):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address)


def test_the_passwords_are_in_the_home_and_nowhere_else(team: Team) -> None:
    place, known = team.home / "accounts.toml", team.known
    for name in (place.name, "mlflow-accounts.ini"):
        assert (team.home / name).stat().st_mode & 0o777 == 0o600
    assert {"you", "promoter", "pipeline", "admin"} <= set(known.passwords)
    said = (team.home / "up.log").read_text()
    assert str(place) in said
    said += "".join(log.read_text() for log in (team.home / "logs").glob("*.log"))
    lines = command_lines()
    for secret in (*known.passwords.values(), known.prefect, known.secret_key):
        assert secret.get_secret_value() not in said
        assert not any(secret.get_secret_value() in line for line in lines)


def test_a_change_in_the_registry_is_looked_at_at_once_and_nobody_else_can_ask_for_it(
    team: Team,
) -> None:
    admin = team.known.having("admin")
    assert admin
    server = AuthServer(team.mlflow, admin)
    (hook,) = wait_for(lambda: server.ask("GET", WEBHOOKS).get("webhooks"), 60)
    for headers in ({}, {"X-MLflow-Signature": "v1,AAAA"}):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(hook["url"], b"{}", headers))
    deployment = "reconcile/reconcile"
    assert team.hooked(deployment) == []

    client = team.registry("promoter").client
    client.create_registered_model("changed-by-hand")
    for number in (1, 2, 3):
        client.create_model_version("changed-by-hand", "s3://none/at/all")
        client.set_registered_model_alias("changed-by-hand", "candidate", str(number))
    run = wait_for(lambda: next(iter(team.hooked(deployment)), None), 180)
    assert team.ended(run["id"]) == "COMPLETED"
    assert len(team.hooked(deployment)) == 1  # six events and more are one look

    server.ask("DELETE", f"{WEBHOOKS}/{hook['webhook_id']}")  # now every one of them is lost
    time.sleep(6)  # for so long MLflow keeps what it knows of its webhooks
    client.delete_registered_model_alias("changed-by-hand", "candidate")
    assert team.start(deployment, {}) == "COMPLETED"  # as its schedule does
    assert len(team.hooked(deployment)) == 1


def test_the_form_starts_a_run_that_waits_for_people(
    team: Team, page: Any, tiny_model: Path, tmp_path: Path
) -> None:
    write_conversations(team.rows)
    team.deploy_model(NAME, tmp_path, tiny_model)
    place = f"{team.prefect}/deployments/deployment/{team.deployment(RETRAIN)}/run"
    page.goto(place)
    page.get_by_text("Eval sets to ask").wait_for()  # the file has one: this group is open
    assert page.get_by_text(STEPS_HELP).count() == 0  # and this one is folded
    page.get_by_text("Training", exact=True).last.click()
    page.get_by_text(STEPS_HELP).wait_for()
    keep_picture(page, "team-form")
    page.goto(place)
    page.get_by_text("Eval sets to ask").wait_for()
    fill_field(page, "Where the raw rows are", "")  # emptied is refused, and not the default
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Source is required").or_(
        page.get_by_text("required property")
    ).first.wait_for()
    keep_picture(page, "team-form-emptied")
    assert team.runs(RETRAIN) == []
    fill_field(page, "Where the raw rows are", str(team.rows))
    fill_field(page, "Passes over the training rows.", "1")
    submit(page)

    started = wait_for(lambda: next(iter(team.runs(RETRAIN, begun=False)), None), 60)
    assert team.ended(started["id"]) == "COMPLETED"
    asked = started["parameters"]["parameters"]
    assert (asked["name"], asked["num_train_epochs"]) == (NAME, 1)
    assert asked["evaluation"]["eval_sets"] == ["safety"]
    page.goto(f"{team.prefect}/runs/flow-run/{started['id']}")
    page.get_by_text("2/7 ingest: done in").first.wait_for()
    page.get_by_text("ask the candidate").first.wait_for()
    keep_picture(page, "team-run")
    wanted = {"flow_runs": {"id": {"any_": [started["id"]]}}}
    kinds = {artifact["key"]: artifact for artifact in team.api("/artifacts/filter", wanted)}
    pages = {"snapshot", "redactions", "training", "scorecard", "verdict", "summary"}
    assert pages <= set(kinds)
    assert kinds["loss-curve"]["type"] == "image"
    page.goto(f"{team.prefect}/artifacts/artifact/{kinds['loss-curve']['id']}")
    picture = page.locator("img[src^='data:image/png']")
    picture.wait_for()
    assert picture.evaluate("picture => picture.naturalWidth") > 300
    page.goto(f"{team.prefect}/artifacts/artifact/{kinds['training']['id']}")
    image = page.get_by_alt_text("training loss")
    image.wait_for()
    assert image.evaluate("picture => picture.naturalWidth") > 300
    page.get_by_text("The same training again").wait_for()
    page.get_by_text("paddock run").first.wait_for()
    keep_picture(page, "team-training")


@pytest.mark.parametrize("path", ["", "/", "/v2", "/v2/runs", "/runs", "/deployments"])
def test_every_address_opens_one_generation_of_prefect_s_pages(
    team: Team, page: Any, path: str
) -> None:
    page.goto(f"{team.prefect}{path}")
    page.get_by_text("Event Feed").first.wait_for()
    assert urlsplit(page.url).path.startswith(("/dashboard", "/runs", "/deployments"))
    assert page.get_by_text("Switch to").count() == 0
    keep_picture(page, f"prefect-at-{path.replace('/', '-').strip('-') or 'root'}")


def test_the_summary_leads_on_to_every_page_it_names(team: Team, page: Any) -> None:
    summary = team.newest_summary(NAME)
    wanted = {"artifacts": {"key": {"any_": ["summary"]}}}
    newest = max(team.api("/artifacts/filter", wanted), key=lambda found: found["created"])
    page.goto(f"{team.prefect}/artifacts/artifact/{newest['id']}")
    page.get_by_role("heading", name=f"{NAME}-candidate version 1 passed its gates").wait_for()
    keep_picture(page, "summary-page")
    shown = {
        "approval": "Let this candidate serve",
        "review": "Needs review (24)",
        "candidate-version": "nothing serves a version that the release ledger does not name",
        "dossier": "Where it comes from",
        "training-run": "base_model",
        "trainings": "scores",
        "evaluation-report": "Scorecard",
        "data-docs": "What became of the rows",
    }
    links = {place["key"]: place for place in summary["places"]}
    assert set(links) == set(shown)
    for key in shown:
        link = page.get_by_role("link", name=links[key]["text"], exact=True).last
        assert link.get_attribute("href") == links[key]["url"]
    for key, text in shown.items():
        page.goto("about:blank")
        page.goto(links[key]["url"])
        framed = links[key]["url"].partition("?")[0].endswith(".html")
        place = page.frame_locator("iframe") if framed else page
        place.get_by_text(text).first.wait_for()
        keep_picture(page, f"summary-leads-to-{key}")
    assert {f"link-{key}" for key in shown} <= {a["key"] for a in team.api("/artifacts/filter", {})}


def test_mlflow_shows_the_training_and_the_machine_it_ran_on(team: Team, page: Any) -> None:
    experiment, run = team.mlflow_run(NAME, "train %")
    place = f"{team.mlflow}/#/experiments/{experiment}/runs/{run}"
    for tab, chart in (("model", "scores"), ("system", "cpu_utilization_percentage")):
        page.goto(f"{place}/{tab}-metrics")
        page.get_by_text(chart).first.wait_for()
        keep_picture(page, f"team-{tab}-metrics")
    page.goto(f"{place}/artifacts/reproduce.md")
    page.get_by_text("tasks.finetuning.train_process").first.wait_for()


def test_mlflow_shows_the_run_the_candidate_and_the_review_queue(team: Team, page: Any) -> None:
    page.goto(f"{team.mlflow}/#/models/{NAME}-candidate/versions/1")
    page.get_by_text("was evaluated").first.wait_for()
    page.get_by_text("PASSED").first.wait_for()
    keep_picture(page, "team-candidate")
    experiment, run = team.mlflow_run(NAME, "ingest %")
    page.goto(f"{team.mlflow}/#/experiments/{experiment}/runs/{run}/artifacts/snapshot/report.html")
    page.frame_locator("iframe").get_by_text("Great Expectations").first.wait_for()
    keep_picture(page, "team-data-docs")
    page.goto(team.look_at(NAME, "review"))
    page.get_by_text("Needs review (24)").wait_for()
    keep_picture(page, "team-review")


def test_a_rating_in_the_review_tab_reaches_the_dossier(team: Team, page: Any) -> None:
    page.goto(team.look_at(NAME, "review"))
    server = admin_of(team.mlflow, team.known)
    assert server
    before = ratings(server)[NAME]
    # Blind and in random order: with one more than are the base's, one is the candidate's.
    rated = sum("candidate" not in one.models for one in sample_in(team.home)) + 1
    press(page, "list.start-review")
    for number in range(1, rated + 1):
        fill_in(page, "Wrong", "Invented", "Harmless", helpful=2)
        keep_picture(page, "team-rating")
        press(page, "focused-review.complete")
        page.get_by_text(f"{number} of 24 reviewed").wait_for()
    assert ratings(server)[NAME] != before  # a part of `up` starts the review once people pause
    assert team.start(f"review/{NAME}", {"name": NAME}) == "COMPLETED"
    told = {str(run["state"]["message"]) for run in team.runs(f"review/{NAME}")}
    words = f"{rated} of 24 answers of {NAME}-candidate version 1 are rated; judged again"
    assert any(said.startswith(words) for said in told), told  # by whichever
    assert "people on its answers: Factually right 0" in team.paddock("show", "--name", NAME)


def test_an_approval_in_the_review_tab_moves_the_champion(team: Team, page: Any) -> None:
    assert team.start(PROMOTE, {"name": NAME}) == "COMPLETED"
    assert "champion  none" in team.paddock("show", "--name", NAME)  # nobody said yes yet

    page.goto(team.look_at(NAME, "approve"))
    keep_picture(page, "team-earlier-question")  # it was asked anew, with what people rated
    page.goto(team.look_at(NAME, "approve").partition("&")[0])
    press(page, "list.start-review")
    page.get_by_text("Let this candidate serve").first.wait_for()
    before = {run["id"] for run in team.hooked(PROMOTE)}  # of when the candidate passed
    page.get_by_role("combobox").last.click()
    page.get_by_role("option", name="Promote").click()
    press(page, "focused-review.complete")
    page.get_by_text("All items in this queue have been reviewed!").wait_for()
    keep_picture(page, "team-approved")

    def started() -> dict[str, Any] | None:  # nobody starts it
        return next((one for one in team.hooked(PROMOTE) if one["id"] not in before), None)

    run = wait_for(started, 180)
    assert team.ended(run["id"]) == "COMPLETED"
    assert "champion  version 1" in team.paddock("show", "--name", NAME)
    history = json.loads(team.paddock("history", "--name", NAME, "--format", "json"))
    (row,) = history if isinstance(history, list) else history["rows"]
    assert "approved by you" in json.dumps(row)
