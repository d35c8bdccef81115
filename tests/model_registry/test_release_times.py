from __future__ import annotations

from datetime import UTC, datetime, timedelta

from model_registry.ledger.rows import Action, Served
from model_registry.releases import append, serving_since
from model_registry.tracking import Registry
from model_registry.versions import Version


def _released(registry: Registry, digest: str, action: Action = "promote") -> None:
    rows = registry.ledger.rows("desk")
    serves = Served(
        version=len(rows) + 1, run="r", digest=digest, files_digest="f", candidate=1, dossier="d"
    )
    append(
        registry, "desk", rows[-1] if rows else None, action, serves, previous=None, reason="right"
    )


def test_a_champion_serves_since_the_last_release_that_led_to_it(registry: Registry) -> None:
    one = Version(name="desk", version=1, run="r", digest="one", uri="")
    assert serving_since(registry, one) is None

    _released(registry, "one")
    first = serving_since(registry, one)
    assert first is not None
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=5)

    _released(registry, "two")
    assert serving_since(registry, one) == first
    _released(registry, "one", "rollback")
    again = serving_since(registry, one)
    assert again is not None
    assert again > first
