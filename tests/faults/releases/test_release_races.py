"""Rows 22 and 23 of the faults: releases at once, each from a process that knows no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import make_url

from data_contracts.errors import ContractError
from model_registry.candidates import Candidate
from model_registry.promotion import promote, rollback
from model_registry.releases import Release
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import version_at
from tests.faults.releases.teams import Team, released
from tests.ledgers import KINDS, made_database

Act = Callable[[Registry], Release]
Ended = Release | ContractError


class Track:
    """A model over which releases race: `a` serves, and `b` and `c` are compared with it."""

    def __init__(
        self, opened: Callable[[], Registry], name: str, keys: SigningKeys, racers: int
    ) -> None:
        self.name, self.keys = name, keys
        self.registry = opened()
        self._each = [opened() for _ in range(racers)]

    def race(self, *acts: Act) -> list[Ended]:
        """Let every act begin at once; return how each ended."""
        start = threading.Barrier(len(acts))

        def run(registry: Registry, act: Act) -> Ended:
            start.wait()
            try:
                return act(registry)
            except ContractError as refusal:
                return refusal

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(run, self._each, acts))

    def promotes(self, version: int) -> Act:
        return lambda registry: promote(registry, self.name, version, self.keys)

    def goes_back(self, registry: Registry) -> Release:
        return rollback(registry, self.name, "as it was", self.keys)

    def agrees(self) -> None:
        """Assert that the aliases say what the last row says."""
        last = self.registry.ledger.rows(self.name)[-1]
        champion = version_at(self.registry, self.name, "champion")
        assert champion is not None
        assert (champion.version, champion.digest) == (last.version, last.digest)
        standing = read_standing(self.registry, self.name)
        assert (standing.trouble, standing.behind) == ("", False)


def _two_promotions(track: Track, times: int) -> None:
    for _ in range(times):
        before = len(track.registry.ledger.rows(track.name))
        ended = track.race(track.promotes(2), track.promotes(3))
        _one_won(ended, before, len(track.registry.ledger.rows(track.name)))
        track.agrees()
        track.goes_back(track.registry)


def _one_won(ended: Sequence[Ended], before: int, after: int) -> None:
    won = [one for one in ended if isinstance(one, Release)]
    lost = [one for one in ended if isinstance(one, ContractError)]
    assert (len(won), len(lost), after) == (1, 1, before + 1), ended
    assert won[0].moved
    assert won[0].row == after
    assert "another release went first" in lost[0].what or "not the one it was" in lost[0].what


def _promotion_and_rollback(track: Track, times: int) -> None:
    for _ in range(times):
        # `b` serves and goes back to `a`; meanwhile `c`, which was compared with `a`, comes.
        promote(track.registry, track.name, 2, track.keys)
        ended = track.race(track.goes_back, track.promotes(3))
        assert any(isinstance(one, Release) and one.moved for one in ended), ended
        track.agrees()
        if track.registry.ledger.rows(track.name)[-1].version != 1:
            track.goes_back(track.registry)


@pytest.fixture
def near(home: Path, keys: SigningKeys) -> Track:
    """On the database of a home, without a server."""

    def opened() -> Registry:
        return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")

    return Track(opened, "desk", keys, racers=2)


@pytest.fixture(params=KINDS)
def direct(
    request: pytest.FixtureRequest,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Track]:
    """Without a server: on a home, or on PostgreSQL with the files on an S3 server."""
    if request.param == "sqlite":
        yield request.getfixturevalue("near")
        return
    with made_database() as database, made_database() as ledger:
        s3 = request.getfixturevalue("s3_server")
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.endpoint_url)
        files = f"s3://{s3.bucket}/{make_url(database).database}"
        opened = partial(open_registry, database, files, ledger=ledger)
        promote(opened(), "desk", approved(opened(), "a").version, keys)
        for mark in "bc":
            approved(opened(), mark, champion="model-a")
        yield Track(opened, "desk", keys, racers=2)


@pytest.fixture
def far(team: Team, keys: SigningKeys) -> Track:
    """On a server with logins."""
    return Track(team.promoter, released(team, keys).name, keys, racers=2)


def test_row_22_two_promotions_at_once(near: Track) -> None:
    _two_promotions(near, 38)


def test_row_22_two_promotions_at_once_on_a_server(far: Track) -> None:
    _two_promotions(far, 5)


def test_row_23_a_promotion_against_a_rollback(near: Track) -> None:
    _promotion_and_rollback(near, 10)


def test_row_23_a_promotion_against_a_rollback_on_a_server(far: Track) -> None:
    _promotion_and_rollback(far, 2)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_row_22_five_hundred_races(direct: Track) -> None:
    """A thousand in all: half on each database."""
    _two_promotions(direct, 400)
    _promotion_and_rollback(direct, 100)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_row_22_a_hundred_races_on_a_server(far: Track) -> None:
    _two_promotions(far, 100)
    _promotion_and_rollback(far, 20)
