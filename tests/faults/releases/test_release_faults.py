"""Rows 19, 20, 21, 24, 25, 32 and 39 of the faults: what breaks while a model is released."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_contracts.errors import ContractError, IntegrityError
from flows.asking.ledger_parameters import HistoryParameters
from flows.showing.history import history_text, tenures_of
from model_registry import releases
from model_registry.approvals import request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import PASSED, VERDICT_TAG, Dossier
from model_registry.promotion import promote, rollback
from model_registry.reconciling import reconcile
from model_registry.releases import project
from model_registry.signing import SigningKeys
from model_registry.standing import read_standing
from model_registry.tracking import Registry
from model_registry.versions import list_versions, point, version_at
from tests.faults.releases.servers import Proxy
from tests.faults.releases.teams import Model, Team

CREATE = b"model-versions/create"
# Promotes, and is killed by itself where the ledger has the row and the aliases have not moved.
KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.models.garbage import collect_rarely
collect_rarely()
from model_registry import promotion
from model_registry.signing import SigningKeys
from model_registry.tracking import open_registry

uri, ledger, keys, name = sys.argv[1:]  # who it is stands in the environment
promotion.project = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
given = SigningKeys(public=Path(keys) / "signing.pub", private=Path(keys) / "signing.key")
promotion.promote(open_registry(uri, ledger=ledger), name, 1, given)
"""


def _alias(registry: Registry, name: str, alias: str = "champion") -> int | None:
    version = version_at(registry, name, alias)
    return version.version if version else None


@pytest.fixture
def asked(team: Team) -> Model:
    """A model on a server with logins, of which one candidate was approved and nothing serves."""
    model = team.model(f"m{uuid.uuid4().hex[:8]}")
    team.approved(model, model.name)
    return model


def test_row_19_mlflow_killed_during_registration(
    team: Team, asked: Model, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(team.server.port, CREATE, instead=team.server.kill)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    through = team.promoter(proxy.address)
    with pytest.raises(Exception, match=r"."):
        promote(through, asked.name, 1, keys)
    monkeypatch.undo()
    proxy.close()
    assert proxy.lost == 1
    team.server.start()
    registry = asked.promoter
    assert registry.ledger.rows(asked.name) == ()
    assert len(list_versions(registry, asked.name)) in (0, 1)
    assert promote(registry, asked.name, 1, keys).moved
    assert [version.version for version in list_versions(registry, asked.name)] == [1]
    assert _alias(registry, asked.name) == 1


def test_row_20_an_answer_is_lost_and_the_client_asks_again(
    team: Team, asked: Model, keys: SigningKeys
) -> None:
    proxy = Proxy(team.server.port, CREATE)
    assert promote(team.promoter(proxy.address), asked.name, 1, keys).moved
    proxy.close()
    assert proxy.lost == 1
    assert [version.version for version in list_versions(asked.serving, asked.name)] == [1]
    assert _alias(asked.serving, asked.name) == 1


def test_row_21_killed_between_row_and_alias(team: Team, asked: Model, keys: SigningKeys) -> None:
    words = [team.server.address, team.ledger, str(keys.public.parent), asked.name]
    environment = os.environ | team.environment()
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], env=environment, check=False)
    assert killed.returncode == -9
    registry = asked.promoter
    assert (len(registry.ledger.rows(asked.name)), _alias(registry, asked.name)) == (1, None)
    start = time.monotonic()
    found = reconcile(registry, asked.name)
    assert time.monotonic() - start < 60
    assert (found.moves, found.trouble, _alias(registry, asked.name)) == ((), "", 1)


@pytest.mark.parametrize("how", ["point", "project"])
def test_row_24_the_first_alias_ever_and_many_writers(
    team: Team, asked: Model, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("model_registry.promotion.project", _nothing)
        promote(asked.promoter, asked.name, 1, keys)
    assert _alias(asked.promoter, asked.name) is None
    start = threading.Barrier(16)

    def set_it(_: int) -> None:
        mine = team.promoter()
        start.wait()
        if how == "point":
            point(mine, asked.name, "champion", 1)
        else:
            project(mine, asked.name)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(set_it, range(16)))
    assert _alias(asked.promoter, asked.name) == 1


def test_row_25_the_approval_of_one_used_for_another(
    model: Model,
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
    keys: SigningKeys,
) -> None:
    """Nobody was asked about `d`; the evidence and the yes of `b` are put in its place."""
    name, pipeline, served = model.name, model.pipeline, read_standing(model.serving, model.name)
    assert served.champion is not None
    other = register(pipeline, f"{name}-d", name)
    theirs = publish(pipeline, other, champion=served.champion.tags["paddock.reference.model"])
    approved = pipeline.client.get_model_version(f"{name}-candidate", "2")
    identity = approved.tags["paddock.dossier"]
    for run in (other.run, approved.run_id):
        with pipeline.downloaded(pipeline.artifact_uri(approved.run_id, "dossiers")) as folder:
            pipeline.upload(run, folder, "dossiers")
    with pytest.raises(ContractError, match="people have not approved it"):
        promote(model.promoter, name, other.version, keys)
    pipeline.client.set_model_version_tag(
        f"{name}-candidate", str(other.version), "paddock.dossier", identity
    )
    with pytest.raises(IntegrityError, match="not the one this version names"):
        promote(model.promoter, name, other.version, keys)
    assert theirs.identity != identity
    assert (len(model.promoter.ledger.rows(name)), _alias(model.serving, name)) == (1, 1)


def test_row_39_a_score_is_nan(
    model: Model,
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
    keys: SigningKeys,
) -> None:
    """Its gates refuse it, nobody is asked about it, and no tag that is set lets it serve."""
    name, pipeline, served = model.name, model.pipeline, read_standing(model.serving, model.name)
    assert served.champion is not None
    other = register(pipeline, f"{name}-n", name)
    compared = served.champion.tags["paddock.reference.model"]
    dossier = publish(pipeline, other, champion=compared, accuracy=math.nan)
    assert not dossier.verdict.passed
    with pytest.raises(ContractError, match="its gates refused is not put before people"):
        request_approval(model.promoter, name, dossier)
    candidates, version = f"{name}-candidate", str(other.version)
    pipeline.client.set_model_version_tag(candidates, version, VERDICT_TAG, PASSED)
    with pytest.raises(ContractError, match="its gates refused it"):
        promote(model.promoter, name, other.version, keys)
    assert _alias(model.serving, name) == 1


def test_row_32_the_clock_is_set_back_an_hour(
    desk: Registry, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(hours=1)

    promote(desk, "desk", 2, keys)
    monkeypatch.setattr(releases, "datetime", Earlier)
    rollback(desk, "desk", "worse", keys)
    monkeypatch.undo()
    promote(desk, "desk", 3, keys)
    rows = desk.ledger.rows("desk")
    assert [row.version for row in rows] == [1, 2, 1, 3]
    assert rows[2].at < rows[1].at
    assert _alias(desk, "desk") == 3
    assert read_standing(desk, "desk").trouble == ""
    begins = [entry.since for entry in tenures_of(rows)]
    assert begins == sorted(begins)
    today = HistoryParameters(name="desk", at=datetime.now(UTC).date())
    assert "version 3" in history_text(desk, today)


def _nothing(*_: object) -> None:
    """Take the place of what a release that died did not come to."""
