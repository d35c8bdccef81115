"""Faults that the gateway makes on purpose: requests that fail, and such that are late.

Off unless its file says otherwise; Envoy watches that as it does the arms' weights. Pure.
"""

from __future__ import annotations

from typing import Any

from tasks.serving.gateway.arms import TYPES

FAULTS = "faults.json"
LAYER = "faults"
KEY = "paddock.chaos"
STATUS = 503  # what a request that is made to fail gets
DELAYED = "DI"  # the flag of a request that was only made to wait: its answer is an engine's own
_KIND = f"{TYPES}.extensions.filters.http.fault.v3.HTTPFault"


def fault_filter() -> dict[str, Any]:
    """Return the filter: each of its shares is 0, unless the layer of faults says more."""
    none = {"numerator": 0, "denominator": "TEN_THOUSAND"}
    return {
        "@type": _KIND,
        "abort": {"http_status": STATUS, "percentage": none},
        "abort_percent_runtime": f"{KEY}.abort",
        "delay": {"fixed_delay": "1s", "percentage": none},
        "delay_percent_runtime": f"{KEY}.delay",
        "delay_duration_runtime": f"{KEY}.delay_ms",
    }


def faults(abort: float = 0, delayed: float = 0, delay_ms: int = 0) -> dict[str, Any]:
    """Return the file of faults; shares are percent of the requests. ValueError if none can be."""
    if not (0 <= abort <= 100 and 0 <= delayed <= 100 and delay_ms >= 0):
        raise ValueError("shares are percent, and a delay is no less than 0")
    layer: dict[str, Any] = {}
    if abort:
        layer[f"{KEY}.abort"] = _share(abort)
    if delayed and delay_ms:
        layer |= {f"{KEY}.delay": _share(delayed), f"{KEY}.delay_ms": delay_ms}
    kind = f"{TYPES}.service.runtime.v3.Runtime"
    return {"resources": [{"@type": kind, "name": LAYER, "layer": layer}]}


def _share(percent: float) -> dict[str, Any]:
    # A plain number would be a percent, whatever the denominator above says.
    return {"numerator": round(percent * 100), "denominator": "TEN_THOUSAND"}
