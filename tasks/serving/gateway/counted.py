"""What the gateway writes and counts of each request: its access log, and figures by arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.serving.gateway.arms import ARM, OURS, TYPES

HEALTH = "/health"
TENANT, USER, REQUEST = "x-tenant", "x-user", "x-request-id"
STATS = "paddock"  # prefix of what is counted
# Upper edges in ms to ten minutes, each a tenth above the last: small shifts of waits are seen.
EDGES_MS = tuple(sorted({round(1.1**n) for n in range(141)}))
_ASKED = {
    "header_filter": {
        "header": {"name": ":path", "string_match": {"exact": HEALTH}, "invert_match": True}
    }
}


def access_file(folder: Path) -> dict[str, Any]:
    """Return the log that the rows of the inference log are made with: no text, and no user."""
    fields = {
        "id": f"%REQ({REQUEST})%",
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "path": "%PATH(NQ)%",
        "code": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "arm": "%UPSTREAM_CLUSTER%",
        "engine": f"%UPSTREAM_METADATA({OURS}:{ARM})%",
        "tenant": f"%REQ({TENANT})%",
        "ms": "%DURATION%",
        "first_byte_ms": "%RESPONSE_DURATION%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "filter": _ASKED,
        "typed_config": {
            "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "access.jsonl"),
            "log_format": {"json_format": fields},
        },
    }


def access_counts() -> list[dict[str, Any]]:
    """Return what is counted of each arm: how often which code came, and the waits.

    No tag has a value that a client chooses: each new one would be a series of its own for ever.
    What no engine answered has no first byte, so that is counted of good answers alone.
    """
    arm = {"name": "arm", "value_format": "%UPSTREAM_CLUSTER%"}
    code = {"name": "code", "value_format": "%RESPONSE_CODE%"}
    requests = {"stat": {"name": "requests", "tags": [arm, code]}, "value_fixed": 1}

    def wait(name: str, value: str) -> dict[str, Any]:
        return {"stat": {"name": name, "tags": [arm, code]}, "value_format": value}

    good = {"op": "LE", "value": {"default_value": 299, "runtime_key": "-"}}
    answered = {"and_filter": {"filters": [_ASKED, {"status_code_filter": {"comparison": good}}]}}
    return [
        _counts(_ASKED, counters=[requests], histograms=[wait("duration_ms", "%DURATION%")]),
        _counts(answered, histograms=[wait("first_byte_ms", "%RESPONSE_DURATION%")]),
    ]


def _counts(asked: dict[str, Any], **stats: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.stats",
        "filter": asked,
        "typed_config": {
            "@type": f"{TYPES}.extensions.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": STATS},
            **stats,
        },
    }
