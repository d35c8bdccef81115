"""A policy that asks for a canary: what promotes without one, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.errors import ContractError, IntegrityError
from model_registry.canary_evidence import CanaryPassed, publish_canary
from model_registry.candidates import Candidate
from model_registry.dossier import ChampionSeen
from model_registry.fetching import fetch_approved, require_approved
from model_registry.policy import load_policy
from model_registry.promotion import promote, promote_approved
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.standing import read_standing
from model_registry.tracking import Registry

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Approve = Callable[..., Candidate]


def passed(registry: Registry, candidate: Candidate, **changed: object) -> CanaryPassed:
    champion = read_standing(registry, "desk").champion
    assert champion
    seen = ChampionSeen(version=champion.version, digest=champion.digest)
    found = CanaryPassed(
        candidate=candidate.name,
        version=candidate.version,
        digest=candidate.digest,
        champion=seen,
        began=NOW,
        ended=NOW,
        requests=1000,
    )
    return found.model_copy(update=changed)


@pytest.fixture
def waits(serving: Registry, approved: Approve) -> Candidate:
    """A candidate that people approved, and whose policy asks for a canary."""
    return approved(serving, "d", champion="model-b", canary="required")


def test_it_is_passed_over_until_it_passed_one(
    serving: Registry, waits: Candidate, keys: SigningKeys
) -> None:
    poll = promote_approved(serving, "desk", keys)
    assert "passed none beside the champion of today" in poll.passed_over[waits.version]
    with pytest.raises(ContractError) as refused:
        promote(serving, "desk", waits.version, keys)
    assert f"paddock canary start --name desk --version {waits.version}" in refused.value.remedy
    publish_canary(serving, waits, passed(serving, waits), "# It passed", keys)
    assert promote(serving, "desk", waits.version, keys).moved


def test_recorded_requests_count_where_the_policy_lets_them_and_nowhere_else(
    serving: Registry, waits: Candidate, approved: Approve, keys: SigningKeys
) -> None:
    publish_canary(serving, waits, passed(serving, waits, shadow=40), "# Mostly recorded", keys)
    with pytest.raises(ContractError, match="was shown 40 recorded ones"):
        promote(serving, "desk", waits.version, keys)
    thin = approved(serving, "e", champion="model-b", canary="shadow")
    with pytest.raises(ContractError, match="passed none"):
        promote(serving, "desk", thin.version, keys)
    publish_canary(serving, thin, passed(serving, thin, shadow=40), "# Mostly recorded", keys)
    assert promote(serving, "desk", thin.version, keys).moved


def test_one_beside_another_champion_counts_for_nothing(
    serving: Registry, waits: Candidate, keys: SigningKeys
) -> None:
    other = ChampionSeen(version=1, digest="e" * 64)
    publish_canary(serving, waits, passed(serving, waits, champion=other), "# Elsewhere", keys)
    with pytest.raises(ContractError, match="passed none"):
        promote(serving, "desk", waits.version, keys)


def test_one_that_somebody_else_wrote_is_refused(
    serving: Registry, waits: Candidate, keys: SigningKeys, tmp_path: Path
) -> None:
    publish_canary(serving, waits, passed(serving, waits), "# Mine", ensure_keys(tmp_path / "k"))
    with pytest.raises(IntegrityError):
        promote(serving, "desk", waits.version, keys)
    publish_canary(serving, waits, passed(serving, waits, digest="f" * 64), "# Another's", keys)
    with pytest.raises(IntegrityError, match="something else"):
        promote(serving, "desk", waits.version, keys)


def test_approved_files_can_be_had_for_a_canary_and_nothing_else_can(
    serving: Registry, waits: Candidate, register: Approve, keys: SigningKeys, tmp_path: Path
) -> None:
    found = require_approved(serving, "desk", waits.version, keys)
    fetch_approved(serving, found, tmp_path / "files", keys)
    assert (tmp_path / "files" / "model" / "config.json").is_file()
    unjudged = register(serving, "e")
    with pytest.raises(ContractError, match="no dossier"):
        require_approved(serving, "desk", unjudged.version, keys)
    with pytest.raises(IntegrityError):
        fetch_approved(serving, found, tmp_path / "again", ensure_keys(tmp_path / "k"))
    assert not (tmp_path / "again").exists()


def test_a_first_release_has_nothing_to_stand_beside(
    registry: Registry, approved: Approve, keys: SigningKeys
) -> None:
    first = approved(registry, "a", canary="required")
    assert promote(registry, "desk", first.version, keys).moved


def test_a_policy_says_whether_it_asks_for_one(tmp_path: Path) -> None:
    gate = '[[gates]]\nid = "g"\nmetric = "m/x"\nrule = "min"\nvalue = 0.5\n'
    file = tmp_path / "mine.toml"
    file.write_text(f'name = "mine"\ncanary = "required"\n{gate}')
    assert load_policy(str(file)).canary == "required"
    assert load_policy("demo").canary == "none"
