"""Releases that a build before the ledger recorded, as runs: they are its first rows.

The runs are written here as revision 75d9676 and those after it wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ContractError
from model_registry.candidates import Candidate
from model_registry.copies import copy_candidate
from model_registry.dossier import Dossier, read_dossier
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.reconciling import reconcile
from model_registry.signing import SigningKeys
from model_registry.standing import read_champion, read_standing
from model_registry.tracking import Registry
from model_registry.versions import Version, version_at

Approve = Callable[..., Candidate]
_SEAT = {"seat": "release", "state": "approved", "reason": "answered with Promote", "at": "2026-11"}


class Earlier:
    """A registry in which an earlier build releases."""

    def __init__(self, registry: Registry, keys: SigningKeys, numbered: bool, folder: Path) -> None:
        self.registry, self._keys, self._numbered = registry, keys, numbered
        self._folder = folder
        self._last: tuple[str, Version] | None = None
        self._count = 0

    def promote(self, candidate: Candidate, *, closed: bool = True) -> Version:
        dossier: Dossier = read_dossier(self.registry, candidate, self._keys)
        version = copy_candidate(self.registry, "desk", candidate, dossier, self._keys)
        self.record(
            "promote",
            version,
            closed=closed,
            evidence={
                "dossier": dossier.identity,
                "decision": {"seats": [_SEAT | {"person": "ada"}]},
            },
        )
        return version

    def record(
        self, action: str, version: Version, *, closed: bool = True, evidence: dict[str, Any]
    ) -> None:
        """Leave the run of a release, and the aliases; the bytes' own run is the first of them."""
        left = self._last
        tags = {
            "paddock.action": action,
            "paddock.digest": version.digest,
            "paddock.from": str(left[1].version) if left else "none",
            "paddock.reason": "approved by ada" if action == "promote" else "worse",
        }
        self._count += 1
        if self._numbered:
            tags |= {
                "paddock.from_digest": left[1].digest if left else "",
                "paddock.after": left[0] if left else "",
                "paddock.number": str(self._count),
            }
        run = version.run
        if "paddock.action" in self.registry.client.get_run(run).data.tags:
            run = self.registry.start_run("desk-releases", action, tags)
        self.registry.tag_run(run, tags)
        told = self._folder / "release.json"
        told.write_text(json.dumps({"action": action, "evidence": evidence}))
        self.registry.upload(run, told)
        client = self.registry.client
        client.set_registered_model_alias("desk", "champion", str(version.version))
        if action == "promote" and left:
            client.set_registered_model_alias("desk", "previous", str(left[1].version))
        elif left:
            client.delete_registered_model_alias("desk", "previous")
        if closed:
            self.registry.tag_run(run, {"paddock.to": str(version.version)})
            self.registry.finish_run(run)
        else:
            self.registry.store.update_run_info(run, 1, None, None)  # running
        self._last = (run, version)


@pytest.fixture(params=[False, True], ids=["75d9676", "numbered"])
def earlier(
    request: pytest.FixtureRequest, registry: Registry, keys: SigningKeys, tmp_path: Path
) -> Earlier:
    return Earlier(registry, keys, request.param, tmp_path)


def test_releases_of_before_are_the_first_rows(
    earlier: Earlier, approved: Approve, keys: SigningKeys
) -> None:
    registry = earlier.registry
    first, second = approved(registry, "a"), approved(registry, "b")
    one = earlier.promote(first)
    two = earlier.promote(second)
    assert registry.ledger.rows("desk") == ()
    standing = read_standing(registry, "desk")  # reads, and writes nothing
    assert (standing.trouble, standing.behind) == ("", False)
    assert standing.champion is not None and standing.champion.version == two.version
    assert standing.previous is not None and standing.previous.version == one.version
    assert registry.ledger.rows("desk") == ()

    reconcile(registry, "desk")
    rows = registry.ledger.rows("desk")
    assert [row.action for row in rows] == ["imported", "imported"]
    assert [(row.version, row.previous) for row in rows] == [(1, None), (2, 1)]
    assert [one.person for row in rows for one in row.people] == ["ada", "ada"]
    for row, candidate, version in zip(rows, (first, second), (one, two), strict=True):
        assert row.serves is not None
        assert row.serves.files_digest == candidate.files_digest
        assert (row.serves.candidate, row.serves.run) == (candidate.version, version.run)
        assert len(row.serves.dossier) == 64
        assert row.reason == "promote: approved by ada"
    reconcile(registry, "desk")
    assert registry.ledger.rows("desk") == rows  # once

    third = approved(registry, "c", champion="model-b")
    assert promote(registry, "desk", third.version, keys).row == 3
    assert rollback(registry, "desk", "worse", keys).version == 2
    assert [row.action for row in registry.ledger.rows("desk")][2:] == ["promote", "rollback"]


def test_a_rollback_of_before_leaves_nothing_to_go_back_to(
    earlier: Earlier, approved: Approve, keys: SigningKeys
) -> None:
    registry = earlier.registry
    one = earlier.promote(approved(registry, "a"))
    two = earlier.promote(approved(registry, "b", champion="model-a"))
    earlier.record("rollback", one, evidence={})
    with pytest.raises(ContractError, match="no previous champion"):
        rollback(registry, "desk", "twice", keys)
    rows = registry.ledger.rows("desk")
    assert [row.version for row in rows] == [one.version, two.version, one.version]
    assert rows[-1].previous is None
    assert rows[-1].serves is not None and rows[-1].serves.run == one.run
    assert promote_approved(registry, "desk", keys).release is None  # both served already


def test_the_same_release_recorded_several_times_is_read(
    earlier: Earlier, approved: Approve, keys: SigningKeys
) -> None:
    registry = earlier.registry
    earlier.promote(approved(registry, "a"))
    two = earlier.promote(approved(registry, "b", champion="model-a"))
    told = registry.client.get_run(two.run).data.tags
    tags = {key: value for key, value in told.items() if key.startswith("paddock.")}
    for _ in range(2):
        registry.finish_run(registry.start_run("desk-releases", "again", tags))
    assert read_standing(registry, "desk").trouble == ""
    assert rollback(registry, "desk", "worse", keys).version == 1
    assert len(registry.ledger.rows("desk")) == 5


@pytest.mark.parametrize("moved", [True, False])
def test_a_release_of_before_that_died_is_finished(
    earlier: Earlier, approved: Approve, keys: SigningKeys, moved: bool
) -> None:
    registry = earlier.registry
    earlier.promote(approved(registry, "a"))
    second = approved(registry, "b", champion="model-a")
    earlier.promote(second, closed=False)
    if not moved:
        registry.client.set_registered_model_alias("desk", "champion", "1")
        registry.client.delete_registered_model_alias("desk", "previous")
    champion = read_champion(registry, "desk", "evaluate")
    assert champion is not None and champion.version == (2 if moved else 1)
    assert promote(registry, "desk", second.version, keys).moved is not moved
    found = [version_at(registry, "desk", alias) for alias in ("champion", "previous")]
    assert [version.version if version else None for version in found] == [2, 1]
    assert rollback(registry, "desk", "worse", keys).version == 1


def test_a_version_of_before_that_is_gone_is_told_of(
    earlier: Earlier, approved: Approve, keys: SigningKeys
) -> None:
    registry = earlier.registry
    earlier.promote(approved(registry, "a"))
    second = approved(registry, "b", champion="model-a")
    two = earlier.promote(second)
    registry.client.delete_model_version("desk", "2")
    assert "that version was deleted" in read_standing(registry, "desk").trouble
    assert promote(registry, "desk", second.version, keys).moved
    rows = registry.ledger.rows("desk")
    assert [row.action for row in rows] == ["imported", "imported", "put back"]
    assert rows[1].serves is not None and rows[1].serves.run == two.run
    assert rollback(registry, "desk", "worse", keys).version == 1


def test_an_alias_that_was_moved_before_the_import_is_said(
    earlier: Earlier, approved: Approve
) -> None:
    registry = earlier.registry
    earlier.promote(approved(registry, "a"))
    earlier.promote(approved(registry, "b", champion="model-a"))
    registry.client.set_registered_model_alias("desk", "champion", "1")
    assert "moved outside Paddock" in read_standing(registry, "desk").trouble
    assert "points at version 1" in reconcile(registry, "desk").sentence
    assert read_standing(registry, "desk").trouble == ""


def test_an_edited_release_is_said(earlier: Earlier, approved: Approve) -> None:
    registry = earlier.registry
    version = earlier.promote(approved(registry, "a"))
    registry.client.set_tag(version.run, "paddock.to", "the newest")
    with pytest.raises(ContractError, match="the tags of a release's run were edited"):
        read_standing(registry, "desk")
