"""What was counted of each arm, for a Prometheus that reaches no socket of this machine.

Beside that it says how many requests are under way, by which pods are made more. One page of the
admin's, and no other: whoever reaches the admin itself may do all. Pure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.serving.gateway.arms import ARMS, TYPES, address
from tasks.serving.gateway.counted import STATS

PAGE = "/metrics"
_ADMIN = "admin"
_TOLD = f"^({STATS}|cluster.({'|'.join(ARMS)}).upstream_rq_active$)"
_HTTP = f"{TYPES}.extensions.filters"


def metrics_listener(host: str, port: int | None) -> list[dict[str, Any]]:
    """Return the listener of the page; none without a port."""
    if port is None:
        return []
    manager = {
        "@type": f"{_HTTP}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "metrics",
        "route_config": {
            "name": "metrics",
            "virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [_route()]}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_HTTP}.http.router.v3.Router"},
            }
        ],
    }
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }
    return [{"name": "metrics", "address": address(host, port), "filter_chains": [chain]}]


def metrics_cluster(folder: Path, port: int | None) -> list[dict[str, Any]]:
    """Return where the page comes from: the admin's socket; none without a port."""
    if port is None:
        return []
    pipe = {"pipe": {"path": str(folder / "admin.sock")}}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": pipe}}]}
    return [
        {
            "name": _ADMIN,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": _ADMIN, "endpoints": [endpoint]},
        }
    ]


def _route() -> dict[str, Any]:
    """Return the one route: a client cannot say what the admin is asked, by no query either."""
    asked = [
        {"name": name, "string_match": {"exact": value}}
        for name, value in ((":method", "GET"), (":path", PAGE))
    ]
    return {
        "match": {"path": PAGE, "headers": asked},
        "route": {
            "cluster": _ADMIN,
            "timeout": "2s",
            "regex_rewrite": {
                "pattern": {"regex": f"^{PAGE}$"},
                "substitution": f"/stats/prometheus?filter={_TOLD}",
            },
        },
    }
