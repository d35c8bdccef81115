"""What an incident tells of a canary, of a serving's file and of sources that are away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes, window_key
from flows.incidents.facts import Facts, served_how, specified
from flows.incidents.looking import MOST_GROUPS, SLICES, look, spans_before
from flows.incidents.opening import opened
from flows.incidents.showing import shown
from flows.serving.canary_ticks import Record, Site
from flows.serving.champion import Release
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.canary.phases import Version, abort, begin
from tasks.canary.policy import CanaryPolicy
from tasks.experiment import judge as experiments
from tasks.incidents.bundle import Asked, keep
from tasks.inference_log.figures import OTHERS
from tasks.serving.specification import Specification

NAME = "bells"
HOUR = timedelta(hours=1)
SINCE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * HOUR


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(Settings(home=tmp_path / "home"))


def log(workshop: Workshop, since: datetime, rows: int, tenants: int = 1) -> None:
    found = [
        LogRow(
            id=f"{since:%dT%H}-{number}",
            time=since + number * HOUR / rows,
            model=f"{NAME}/3",
            prompt="Why?",
            answer="" if number % 10 == 0 else "So.",
            tenant=f"t{number % tenants}",
            seconds=1.0,
            cost=0.5,
        )
        for number in range(rows)
    ]
    workshop.store.write(window_key(NAME, f"{since:%Y-%m-%dT%H}"), log_bytes(found))


def canary(workshop: Workshop, began: datetime) -> tuple[Site, Record]:
    mine, theirs = Version(version=7, digest="b" * 64), Version(version=3, digest="a" * 64)
    release = Release(version=7, digest="b" * 64, model=Path("/somewhere/m"), name="bells/bb")
    record = Record(state=begin(NAME, mine, theirs, began), policy=CanaryPolicy(), release=release)
    places = Places(workshop.settings.home, NAME)
    places.folder.mkdir(parents=True)
    site = Site(workshop.store, places, NAME)
    site.write(record)
    return site, record


def opened_now(workshop: Workshop) -> str:
    asked = Asked(name=NAME, since=SINCE, until=SINCE + HOUR, tenant="", most=20, names=False)
    return opened(workshop, asked, "", datetime.now(UTC)).bundle.id


def test_a_canary_under_way_is_in_the_bundle_and_can_be_taken_back(workshop: Workshop) -> None:
    log(workshop, SINCE, 100)
    site, record = canary(workshop, SINCE + HOUR / 2)
    identity = opened_now(workshop)
    words, page = shown(workshop, identity)
    abort_it = f"paddock canary abort --name {NAME} --reason 'incident {identity}'"
    assert abort_it in words
    assert "a canary of candidate 7 begins" in words
    html = Path(page).read_text()
    assert "Canary of bells: version 7 beside version 3" in html
    assert "/somewhere" not in html
    # What was not there is said: this home has no registry.
    assert "Note: nothing was ever registered in this home." in words
    ended = abort(record.state, datetime.now(UTC), "enough")
    site.write(record.model_copy(update={"state": ended}))
    assert abort_it not in shown(workshop, identity)[0]


def test_an_experiment_is_called_one(workshop: Workshop) -> None:
    log(workshop, SINCE, 100)
    site, record = canary(workshop, SINCE + HOUR / 2)
    asked = experiments.Asked(metric="tokens", effect=0.1, alpha=0.05, share=50, hours=1)
    site.write(record.model_copy(update={"experiment": experiments.Experiment(asked=asked)}))
    words, page = shown(workshop, opened_now(workshop))
    assert "an experiment of candidate 7 begins" in words
    assert "a canary of candidate 7" not in words
    assert "the experiment: " in words
    assert "<h2>The experiment</h2>" in Path(page).read_text()


def test_a_canary_of_another_time_is_none_of_the_incident(workshop: Workshop) -> None:
    canary(workshop, SINCE + 2 * HOUR)
    facts = Facts(workshop, NAME, str)
    assert facts.canary(SINCE, SINCE + HOUR) is None
    assert facts.canary(SINCE + 2 * HOUR, SINCE + 3 * HOUR)
    assert facts.canary(SINCE + 900 * HOUR, SINCE + 901 * HOUR) is None
    workshop.store.write(f"canary/{NAME}.json", b"{}")
    assert facts.canary(SINCE, SINCE + HOUR) is None
    assert facts.notes == [
        "the canary's record could not be read: the record of the canary cannot be read"
    ]


def test_figures_of_the_window_stand_beside_those_of_before(
    workshop: Workshop, tmp_path: Path
) -> None:
    log(workshop, SINCE, 100, tenants=MOST_GROUPS + 5)
    log(workshop, SINCE - HOUR, 40)
    log(workshop, SINCE - 24 * HOUR, 20)
    spans = spans_before(SINCE, SINCE + HOUR)
    assert spans == {
        "just before": (SINCE - HOUR, SINCE),
        "the same hours a day before": (SINCE - 24 * HOUR, SINCE - 23 * HOUR),
    }
    day = spans_before(SINCE - 24 * HOUR, SINCE)
    assert list(day) == ["just before"]  # which are the same hours
    assert list(spans_before(SINCE - 30 * HOUR, SINCE))[1] == "the same hours 2 days before"
    found = look(workshop.store, NAME, (SINCE, SINCE + HOUR), "", 10, tmp_path)
    figures = found.all.figures
    assert (figures.requests, figures.failed, figures.cost) == (100, 10, 50.0)
    assert figures.p95_seconds == pytest.approx(1.0, rel=0.02)
    assert figures.median_first_token is None
    assert len(found.slices) == SLICES
    assert [one.requests for one in found.slices] == pytest.approx([100 / SLICES] * SLICES, abs=1)
    assert len(found.tenants) == MOST_GROUPS + 1
    assert OTHERS in found.tenants
    for span, rows in zip(spans.values(), (40, 20), strict=True):
        assert look(workshop.store, NAME, span, "", 0, tmp_path).all.figures.requests == rows
    assert (
        look(workshop.store, NAME, (SINCE, SINCE + HOUR), "t1", 9, tmp_path).all.measuring.rows < 3
    )


def test_how_it_was_served_is_kept_without_what_somebody_wrote_into_it(
    workshop: Workshop, tmp_path: Path
) -> None:
    clean: Callable[[str], str] = lambda text: text.replace("ann@example.org", "<EMAIL_1>")  # noqa: E731
    file = tmp_path / "mine.toml"
    command = "serve --to ann@example.org {model} {port} {name}"
    file.write_text(
        f'[engine]\nkind = "vllm"\ncommand = "{command}"\n[slo]\nowner = "ann@example.org"\n'
    )
    specification, source = specified(workshop, NAME, str(file))
    assert (specification.name, source) == (NAME, "mine.toml")
    kept = served_how(specification, source, clean)
    assert "ann@" not in kept.model_dump_json()
    assert kept.flags == (command.replace("ann@example.org", "<EMAIL_1>"),)
    assert specified(workshop, NAME, "")[1] == "deploy/serving.toml"
    places = Places(workshop.settings.home, NAME)
    places.folder.mkdir(parents=True)
    places.specification.write_text(Specification(name=NAME, port=4711).model_dump_json())
    last, source = specified(workshop, NAME, "")
    assert (last.port, source) == (4711, "as this home served it last")
    places.specification.write_text("{")
    with pytest.raises(InputError, match="what this home served last cannot be read"):
        specified(workshop, NAME, "")


def test_of_two_that_open_at_once_the_first_counts(workshop: Workshop) -> None:
    log(workshop, SINCE, 10)
    asked = Asked(name=NAME, since=SINCE, until=SINCE + HOUR, tenant="", most=20, names=False)
    first = opened(workshop, asked, "", datetime.now(UTC))
    later = first.bundle.model_copy(update={"opened": datetime.now(UTC), "most": 20})
    assert not keep(workshop.store, later)
    assert opened(workshop, asked, "", datetime.now(UTC)).digest == first.digest
