"""The gateway's admin, over its socket: what it sees of engines, what it counted."""

from __future__ import annotations

from pathlib import Path

import httpx

_SECONDS = 2.0


def ask(socket: Path, path: str, method: str = "GET") -> str:
    """Return what the admin answers; httpx.HTTPError if it does not."""
    with httpx.Client(
        base_url="http://admin", transport=httpx.HTTPTransport(uds=str(socket)), timeout=_SECONDS
    ) as client:
        return client.request(method, path).raise_for_status().text


def healthy(socket: Path, arm: str) -> set[int] | None:
    """Return the ports of an arm's engines that the gateway saw to be well; None if it is away."""
    try:
        lines = ask(socket, "/clusters").splitlines()
    except httpx.HTTPError:
        return None
    fields = [line.split("::") for line in lines]
    well = [f[1] for f in fields if f[0] == arm and f[2:] == ["health_flags", "healthy"]]
    return {int(place.rpartition(":")[2]) for place in well}
