from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import ContractError, IntegrityError
from model_registry import copies, promotion, releases
from model_registry.approvals import request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.tracking import Registry, open_registry
from model_registry.versions import list_versions, version_at

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]
Approve = Callable[..., Candidate]


def dossier_of(registry: Registry, version: int) -> str:
    return registry.client.get_model_version("desk-candidate", str(version)).tags["paddock.dossier"]


def _aliases(registry: Registry, name: str = "desk") -> tuple[int | None, int | None]:
    found = [version_at(registry, name, alias) for alias in ("champion", "previous")]
    first, second = (version.version if version else None for version in found)
    return first, second


@pytest.mark.parametrize("over_http", [False, True])
def test_the_whole_way(
    request: pytest.FixtureRequest,
    registry: Registry,
    approved: Approve,
    keys: SigningKeys,
    tmp_path: Path,
    over_http: bool,
) -> None:
    if over_http:
        server, ledger = request.getfixturevalue("server"), f"sqlite:///{tmp_path}/ledger.db"
        registry = open_registry(server, ledger=ledger)
    first = approved(registry, "a")
    release = promote(registry, "desk", first.version, keys)
    assert release.moved
    assert _aliases(registry) == (1, None)

    champion = version_at(registry, "desk", "champion")
    assert champion is not None
    assert champion.run != first.run  # bytes of its own
    with registry.downloaded(champion.uri) as files:
        assert folder_digest(files) == first.files_digest

    approved(registry, "b", champion="model-a")
    promoted = promote_approved(registry, "desk", keys).release
    assert promoted is not None
    assert promoted.moved
    assert _aliases(registry) == (2, 1)
    assert (promoted.before, promoted.version, promoted.row) == (1, 2, 2)
    row = registry.ledger.rows("desk")[-1]
    assert [(one.seat, one.person) for one in row.people] == [("release", "ada")]
    assert row.serves is not None
    assert (row.serves.candidate, row.serves.dossier) == (2, dossier_of(registry, 2))
    assert row.by.endswith(f"@{socket.gethostname()}")  # neither has logins

    back = rollback(registry, "desk", "it invents prices", keys)
    assert (back.version, back.before) == (1, 2)
    assert _aliases(registry) == (1, None)
    tags = list_versions(registry, "desk")[0].tags
    assert tags["paddock.rolled_back"] == "it invents prices"
    with pytest.raises(ContractError, match="no previous champion"):
        rollback(registry, "desk", "twice by mistake", keys)
    assert promote_approved(registry, "desk", keys).release is None  # not what was rolled back
    assert promote(registry, "desk", 2, keys).moved  # unless a person names it
    assert _aliases(registry) == (2, 1)
    assert len(list_versions(registry, "desk")) == 2


def test_a_database_and_a_server_over_it_are_one_registry(
    server: str, server_home: Path, approved: Approve, keys: SigningKeys
) -> None:
    """What a run without a server registered is promoted through the server, and the reverse."""
    artifacts = f"file://{server_home}/shared"
    embedded = open_registry(f"sqlite:///{server_home}/mlflow.db", artifacts)
    online = open_registry(server, artifacts, ledger=f"sqlite:///{server_home}/ledger.db")
    first = approved(embedded, "m", name="shared")
    assert promote(online, "shared", first.version, keys).moved
    second = approved(online, "n", champion="model-m", name="shared")
    assert promote(embedded, "shared", second.version, keys).before == 1
    assert _aliases(embedded, "shared") == _aliases(online, "shared") == (2, 1)


def test_again_changes_nothing(registry: Registry, approved: Approve, keys: SigningKeys) -> None:
    candidate = approved(registry, "a")
    promote(registry, "desk", candidate.version, keys)
    again = promote(registry, "desk", candidate.version, keys)
    assert not again.moved
    assert "already" in again.reason
    assert promote_approved(registry, "desk", keys).release is None
    assert _aliases(registry) == (1, None)
    assert len(registry.ledger.rows("desk")) == 1


STEPS = [
    (copies, "upload_files", "before"),
    (copies, "upload_files", "after"),
    (copies, "ensure_version", "before"),
    (copies, "ensure_version", "after"),
    (promotion, "append", "before"),
    (promotion, "append", "after"),
    (releases, "point", "after"),
    (releases, "tag_model", "before"),
    (releases, "tag_model", "after"),
    (promotion, "project", "after"),
]


@pytest.mark.parametrize(("module", "step", "when"), STEPS)
def test_death_at_any_step_ends_the_same(
    registry: Registry,
    approved: Approve,
    keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    step: str,
    when: str,
) -> None:
    promote(registry, "desk", approved(registry, "a").version, keys)
    candidate = approved(registry, "b", champion="model-a")
    _die_at(monkeypatch, module, step, when == "after")
    with pytest.raises(KeyboardInterrupt):
        promote(registry, "desk", candidate.version, keys)
    monkeypatch.undo()
    promote(registry, "desk", candidate.version, keys)
    assert _aliases(registry) == (2, 1)
    assert [version.version for version in list_versions(registry, "desk")] == [2, 1]
    assert [row.digest for row in registry.ledger.rows("desk")][1:] == [candidate.digest]
    runs = registry.find_runs("desk-releases", {"paddock.digest": candidate.digest})
    assert [registry.run_status(run) for run in runs] == ["FINISHED"]
    assert not promote(registry, "desk", candidate.version, keys).moved


@pytest.mark.parametrize("step", ["project", "tag_version", "tag_model"])
def test_a_rollback_that_died_is_finished_not_doubled(
    registry: Registry,
    approved: Approve,
    keys: SigningKeys,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    promote(registry, "desk", approved(registry, "a").version, keys)
    promote(registry, "desk", approved(registry, "b", champion="model-a").version, keys)
    place = promotion if step == "project" else releases
    _die_at(monkeypatch, place, step, after=False)
    with pytest.raises(KeyboardInterrupt):
        rollback(registry, "desk", "bad", keys)
    monkeypatch.undo()
    assert rollback(registry, "desk", "bad", keys).version == 1
    assert _aliases(registry) == (1, None)
    assert [row.action for row in registry.ledger.rows("desk")] == [
        "promote",
        "promote",
        "rollback",
    ]


def test_a_dead_release_does_not_undo_what_came_after(
    registry: Registry, approved: Approve, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = approved(registry, "a"), approved(registry, "b")
    _die_at(monkeypatch, promotion, "append", after=False)
    with pytest.raises(KeyboardInterrupt):
        promote(registry, "desk", dead.version, keys)
    monkeypatch.undo()
    promote(registry, "desk", other.version, keys)
    with pytest.raises(ContractError, match="not the one it was compared with"):
        promote(registry, "desk", dead.version, keys)
    champion = version_at(registry, "desk", "champion")
    assert champion is not None
    assert champion.digest == other.digest
    assert [row.digest for row in registry.ledger.rows("desk")] == [other.digest]


def test_every_refusal(
    registry: Registry, register: Register, publish: Publish, approved: Approve, keys: SigningKeys
) -> None:
    refused = register(registry, "refused")
    publish(registry, refused, accuracy=0.3)
    with pytest.raises(ContractError, match="gates refused"):
        promote(registry, "desk", refused.version, keys)

    pending = register(registry, "pending")
    request_approval(registry, "desk", publish(registry, pending))
    with pytest.raises(ContractError, match="have not approved"):
        promote(registry, "desk", pending.version, keys)

    old = approved(registry, "old")
    later = datetime.now(UTC) + timedelta(days=15)
    with pytest.raises(ContractError, match="expired"):
        promote(registry, "desk", old.version, keys, now=later)

    poll = promote_approved(registry, "desk", keys)
    assert poll.release is not None
    assert poll.release.digest == old.digest

    stale = approved(registry, "stale", champion="model-old")
    newer = approved(registry, "newer", champion="model-old")
    poll = promote_approved(registry, "desk", keys)
    assert poll.release is not None
    assert poll.release.digest == newer.digest
    with pytest.raises(ContractError, match="not the one it was compared with"):
        promote(registry, "desk", stale.version, keys)


def test_bytes_changed_after_approval_are_refused(
    registry: Registry, approved: Approve, keys: SigningKeys, on_disk: Callable[[str], Path]
) -> None:
    candidate = approved(registry, "a")
    config = on_disk(candidate.uri) / "model" / "config.json"
    config.write_text(config.read_text().replace("1", "2", 1))
    poll = promote_approved(registry, "desk", keys)
    assert poll.release is None
    assert "signature" in poll.passed_over[candidate.version]
    with pytest.raises(IntegrityError):
        promote(registry, "desk", candidate.version, keys)
    assert _aliases(registry) == (None, None)


def test_bytes_and_signature_swapped_together_are_refused(
    registry: Registry, approved: Approve, register: Register, keys: SigningKeys
) -> None:
    """Another candidate's files with their own good signature are not what was approved."""
    candidate, other = approved(registry, "a"), register(registry, "other")
    for place in ("files", "signature"):
        with registry.downloaded(registry.artifact_uri(other.run, place)) as folder:
            registry.upload(candidate.run, folder, place)
    with pytest.raises(IntegrityError, match="not the ones that were approved"):
        promote(registry, "desk", candidate.version, keys)


def test_another_signer_is_refused(registry: Registry, approved: Approve, tmp_path: Path) -> None:
    candidate = approved(registry, "a")
    with pytest.raises(IntegrityError):
        promote(registry, "desk", candidate.version, ensure_keys(tmp_path / "other"))


def test_a_champion_judged_again_keeps_its_dossier(
    registry: Registry, approved: Approve, publish: Publish, keys: SigningKeys
) -> None:
    """A run repeated after a promotion has nothing new to ask."""
    candidate = approved(registry, "a")
    before = publish(registry, candidate)
    promote(registry, "desk", candidate.version, keys)
    assert publish(registry, candidate) == before


def _die_at(monkeypatch: pytest.MonkeyPatch, module: object, step: str, after: bool) -> None:
    real = getattr(module, step)

    def die(*arguments: object, **options: object) -> None:
        if after:
            real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, die)
