"""Who gets how much of the traffic: the port, and Envoy's runtime file behind it.

An adapter sets shares and says which are in effect, as who splits the traffic tells it and not as
it was asked to. The other adapter is `route`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

from tasks.serving.gateway.admin import ask
from tasks.serving.gateway.arms import ARMS, RUNTIME_KEY, WEIGHTS, weights

Shares = Mapping[str, int]


class Traffic(Protocol):
    """Splits the traffic among the arms; shares are of 10,000 (`SUM`)."""

    def give(self, shares: Shares, salt: int = 0) -> None:
        """Give arms their shares; what is left is the stable arm's. `salt` shuffles users.

        ValueError for shares that cannot be; PaddockError if whoever splits it did not take them.
        """
        ...

    def given(self) -> dict[str, int] | None:
        """Return every arm's share in effect; None if that cannot be told now."""
        ...


class EnvoyTraffic:
    """The gateway of this machine: it watches a file of weights."""

    def __init__(self, run: Path, socket: Path, put: Callable[[Path, Any], None]) -> None:
        """Write the file in `run`; `put` replaces it at once, and `socket` is the admin's."""
        self._file, self._socket, self._put = run / WEIGHTS, socket, put

    def give(self, shares: Shares, salt: int = 0) -> None:
        """Give arms their shares; the gateway has them a moment later."""
        self._put(self._file, weights(dict(shares), salt))

    def given(self) -> dict[str, int] | None:
        """Return what the gateway's runtime holds, whatever the file says."""
        try:
            entries = json.loads(ask(self._socket, "/runtime"))["entries"]
            return {arm: int(entries[f"{RUNTIME_KEY}.{arm}"]["final_value"]) for arm in ARMS}
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
