"""What eight who know nothing of each other do to one model, and whatever goes wrong meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from model_registry.signing import SigningKeys
from model_registry.tracking import open_registry
from tests.faults.releases.release_machine import CANDIDATES, Releases
from tests.ledgers import KINDS, made_database

Machine = type[Releases]
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@pytest.fixture(params=["sqlite"])
def machine(
    request: pytest.FixtureRequest,
    empty_database: Path,
    register: Callable[..., Any],
    publish: Callable[..., Any],
    keys: SigningKeys,
    tmp_path: Path,
) -> Generator[Machine]:
    """Homes with candidates that nobody was asked about; MLflow and ledger are in such databases.

    Each home has databases of its own, copies of the first one's.
    """

    class Prepared(Releases):
        pass

    home = tmp_path / "fresh"
    home.mkdir()
    with ExitStack() as stack:
        if request.param == "sqlite":
            shutil.copyfile(empty_database, home / "mlflow.db")
            first = f"sqlite:///{home}/mlflow.db"
            Prepared.databases = staticmethod(_beside)
        else:
            first = stack.enter_context(made_database())
            Prepared.databases = staticmethod(_Copies(first, stack))
        registry = open_registry(first, f"file://{home}/artifacts")
        for mark in CANDIDATES:
            register(registry, mark)
        Prepared.home, Prepared.keys = home, keys
        Prepared.publish = staticmethod(publish)
        yield Prepared


def _beside(home: Path) -> tuple[str, str]:
    return f"sqlite:///{home}/mlflow.db", f"sqlite:///{home}/ledger.db"


class _Copies:
    """Copies of a PostgreSQL database, each gone with the next one."""

    def __init__(self, first: str, stack: ExitStack) -> None:
        self._first, self._last = first, stack.enter_context(ExitStack())

    def __call__(self, home: Path) -> tuple[str, str]:
        self._last.close()
        address = self._last.enter_context(made_database(like=self._first))
        return address, address


def _run(machine: Machine, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=SLOW,
            derandomize=True,
            database=None,
        ),
    )


def test_ledger_aliases_and_bytes_agree_or_it_is_said_why_not(machine: Machine) -> None:
    _run(machine, 5, 40)
    assert machine.steps >= 100
    assert machine.served >= 5


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("machine", KINDS, indirect=True)
def test_they_agree_after_five_thousand_steps(machine: Machine) -> None:
    """Ten thousand in all: half on each database."""
    while machine.steps < 5_000:
        _run_random(machine, 40)
    print(f"{machine.steps} steps; after {machine.served} something served and all was well")
    assert machine.served > machine.steps / 10


def _run_random(machine: Machine, examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=SLOW,
            database=None,
            print_blob=True,
        ),
    )
