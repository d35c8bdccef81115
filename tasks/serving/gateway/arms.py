"""What the gateway watches while it runs: where each arm's engines listen, and each arm's share.

`baseline` and `canary` stand at opposite ends and the weights' sum is fixed, so that a user who is
in the canary stays there while its share grows (another order or sum moves nearly all). Pure.
"""

from __future__ import annotations

from typing import Any

TYPES = "type.googleapis.com/envoy"
ARMS = ("baseline", "stable", "canary")
SMALL = "small"  # the arm of what a router sends to the small model; it has no share
SMALL_ENGINES = "small-engines"  # that model's own; where none is well, the arm has the champion's
OURS, ARM = "paddock", "arm"  # where an engine says whose it is
SUM = 10_000  # of the arms' weights
RUNTIME_KEY = "paddock.arms"
WEIGHTS = "weights.json"
# How users are shuffled: each salt puts others into an arm. 0 is that of every canary, and an
# experiment takes the next one, so that the same users are not in B each time.
SALTS = 8
SALT_KEY = "paddock.salt"


def endpoints_file(arm: str) -> str:
    """Return the name of the file that says where an arm's engines listen."""
    return f"endpoints-{arm}.json"


def weights(shares: dict[str, int], salt: int = 0) -> dict[str, Any]:
    """Return the weights file; shares are of 10,000 users, and what is left is the stable arm's.

    `salt` says how users are shuffled. ValueError for a share below 0, or more than there is, and
    for a salt that there is not.
    """
    asked = {arm: shares.get(arm, 0) for arm in ARMS if arm != "stable"}
    left = SUM - sum(asked.values())
    if set(shares) - set(ARMS) or min(left, *asked.values()) < 0:
        raise ValueError("shares are of 10,000, of known arms")
    if not 0 <= salt < SALTS:
        raise ValueError(f"a salt is below {SALTS}")
    layer: dict[str, Any] = {
        f"{RUNTIME_KEY}.{arm}": share for arm, share in {**asked, "stable": left}.items()
    }
    if salt:
        layer[f"{SALT_KEY}.{salt}"] = {"numerator": 100, "denominator": "HUNDRED"}
    kind = f"{TYPES}.service.runtime.v3.Runtime"
    return {"resources": [{"@type": kind, "name": "weights", "layer": layer}]}


def endpoints(arm: str, ports: tuple[int, ...], coming: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the file of an arm's engines, on loopback.

    Those `coming` are looked after and get requests only while none of the others is well: an
    engine that is new to the gateway is taken for ill until it was seen to be well.
    """

    def place(port: int) -> dict[str, Any]:
        whose = {"filter_metadata": {OURS: {ARM: arm}}}
        return {"endpoint": {"address": address("127.0.0.1", port)}, "metadata": whose}

    groups = [
        {"priority": priority, "lb_endpoints": [place(port) for port in listed]}
        for priority, listed in enumerate((ports, coming))
        if listed
    ]
    kind = f"{TYPES}.config.endpoint.v3.ClusterLoadAssignment"
    return {"resources": [{"@type": kind, "cluster_name": arm, "endpoints": groups}]}


def address(host: str, port: int) -> dict[str, Any]:
    """Return a place to listen at, or to reach."""
    return {"socket_address": {"address": host, "port_value": port}}
