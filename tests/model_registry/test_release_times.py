from __future__ import annotations

from datetime import UTC, datetime, timedelta

from model_registry.releases import serving_since
from model_registry.tracking import Registry
from model_registry.versions import DIGEST, Version


def _released(registry: Registry, digest: str, *, failed: bool = False, ends: bool = True) -> None:
    tags = {DIGEST: digest, "paddock.action": "promote"}
    run = registry.start_run("desk-releases", f"promote {digest}", tags)
    if ends:
        registry.finish_run(run, failed=failed)


def test_a_champion_serves_since_the_last_release_that_led_to_it(registry: Registry) -> None:
    one = Version(name="desk", version=1, run="r", digest="one", uri="")
    assert serving_since(registry, one) is None

    _released(registry, "one")
    first = serving_since(registry, one)
    assert first is not None
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=5)

    _released(registry, "two")
    _released(registry, "one", failed=True)
    assert serving_since(registry, one) == first
    _released(registry, "one", ends=False)  # a rollback that has moved the alias, and not ended
    again = serving_since(registry, one)
    assert again is not None
    assert again > first
