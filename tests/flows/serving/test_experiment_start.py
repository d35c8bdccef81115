"""What an experiment may begin beside, and what it leaves when a person ends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.errors import ContractError, InputError
from flows.asking.experiment_parameters import ExperimentRunParameters
from flows.command.cli import main
from flows.experimenting import over_events
from flows.serving.canary_start import begun as canary_begun
from flows.serving.canary_ticks import Site
from flows.serving.experiment_counts import Counting, end_counting, is_counted
from flows.serving.experiment_start import begun, id_of
from flows.serving.places import Places, put
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.serving.gateway.arms import SALTS
from tasks.serving.specification import Specification
from tests.flows.serving.conftest import NAME, Desk

GIVEN = ExperimentRunParameters(name=NAME, metric="tokens", share=50)


@pytest.fixture(scope="module")
def approved_home(
    make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home with a champion, a candidate that was approved, and what a serving leaves."""
    desk = make_desk(tmp_path_factory.mktemp("experiment-start") / "home")
    desk.release("a")
    desk.approve("b")
    places = Places(desk.home, NAME)
    places.make()
    put(places.state, {})
    engine = {"kind": "vllm", "command": "true {model} {port} {name}"}
    given = {"name": NAME, "engine": engine, "canary": {"metrics": ["errors"]}}
    specification = Specification.model_validate(given)
    places.specification.write_text(specification.model_dump_json())
    return desk.home


def test_one_of_a_canary_or_an_experiment_is_under_way(
    approved_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(approved_home, NAME)
    workshop = Workshop(Settings(home=approved_home), "promoter")
    site = Site(workshop.store, places, NAME)
    record = begun(workshop, site, places, GIVEN)
    site.write(record)
    assert (record.state.promotes, record.policy.phases[0].share) == (False, 50)
    assert begun(workshop, site, places, GIVEN) == site.record()
    with pytest.raises(InputError, match="the experiment of version 2 is under way") as refused:
        canary_begun(workshop, site, NAME, None, None)
    assert "paddock experiment stop" in refused.value.remedy
    with pytest.raises(InputError, match="is under way"):
        begun(workshop, site, places, GIVEN.model_copy(update={"version": 1}))

    counting = Counting(places)
    counting.look()
    counting.write()
    monkeypatch.setenv("PADDOCK_HOME", str(approved_home))
    assert main(["canary", "abort", "--name", NAME]) == 2
    assert "paddock experiment stop" in capsys.readouterr().err
    assert main(["experiment", "status", "--name", NAME]) == 0
    assert "nothing can be said yet" in capsys.readouterr().out
    assert main(["experiment", "stop", "--name", NAME, "--reason", "enough"]) == 0
    assert "is stopped: enough" in capsys.readouterr().out
    [page] = (approved_home / "store" / "experiments" / NAME).glob("*.html")
    assert "nothing to draw yet" in page.read_text()
    assert not is_counted(places, id_of(record))
    assert not places.experiment.exists()
    after = begun(workshop, site, places, GIVEN)  # others than its users are in B
    assert {record.salt, after.salt} <= set(range(1, SALTS))
    assert record.salt != after.salt
    end_counting(places)
    assert main(["experiment", "stop", "--name", NAME]) == 2
    assert "no experiment is under way" in capsys.readouterr().err

    canary = canary_begun(workshop, site, NAME, None, None)
    site.write(canary)
    with pytest.raises(InputError, match="the canary of version 2 is under way") as refused:
        begun(workshop, site, places, GIVEN)
    assert "paddock canary abort" in refused.value.remedy
    ended = canary.state.model_copy(update={"ended": "aborted", "tick": datetime.now(UTC)})
    site.write(canary.model_copy(update={"state": ended}))


def test_people_are_told_once_that_it_is_over_and_of_no_other_end(approved_home: Path) -> None:
    workshop = Workshop(Settings(home=approved_home), "promoter")
    places = Places(approved_home, NAME)
    record = begun(workshop, Site(workshop.store, places, NAME), places, GIVEN)
    end_counting(places)
    assert record.experiment
    assert over_events(record, record.experiment) == []
    for ended, many in (("over", 1), ("rolled back", 0), ("aborted", 0)):
        state = record.state.model_copy(update={"ended": ended})
        told = over_events(record.model_copy(update={"state": state}), record.experiment)
        assert len(told) == many
        for event in told:
            assert event.kind == "experiment is over"
            assert event.about == id_of(record)
            assert event.text.startswith("Version 2 (B) beside version 1 (A): ")
            assert event.text.endswith("Nothing was promoted.")


def test_a_candidate_that_nobody_approved_is_compared_with_nothing(approved_home: Path) -> None:
    places = Places(approved_home, NAME)
    workshop = Workshop(Settings(home=approved_home), "promoter")
    site = Site(workshop.store, places, NAME)
    with pytest.raises((ContractError, InputError)):
        begun(workshop, site, places, GIVEN.model_copy(update={"version": 9}))
    assert not places.experiment.exists()


def test_without_a_serving_an_experiment_says_what_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop = Workshop(Settings(home=tmp_path), "promoter")
    places = Places(tmp_path, NAME)
    with pytest.raises(InputError, match="nothing serves it from this home") as refused:
        begun(workshop, Site(workshop.store, places, NAME), places, GIVEN)
    assert "paddock serve" in refused.value.remedy
    assert main(["experiment", "start", "--metric", "smiles"]) == 2
    assert "metric" in capsys.readouterr().err
