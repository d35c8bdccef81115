"""The gateway's configuration: Envoy before the engines, as one file that it is started with.

What changes while it runs stands in files of their own, which it watches (`arms`). Pure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.serving.gateway.arms import (
    ARMS,
    SMALL,
    SMALL_ENGINES,
    TYPES,
    WEIGHTS,
    address,
    endpoints_file,
)
from tasks.serving.gateway.counted import (
    EDGES_MS,
    HEALTH,
    STATS,
    access_counts,
    access_file,
)
from tasks.serving.gateway.faults import FAULTS, LAYER
from tasks.serving.gateway.filters import (
    DOOR,
    ROUTER_DOOR,
    SIZE,
    http_filters,
    never_from_outside,
)
from tasks.serving.gateway.metrics_page import metrics_cluster, metrics_listener
from tasks.serving.gateway.routes import routes
from tasks.serving.specification import Specification


def bootstrap(specification: Specification, folder: Path) -> dict[str, Any]:
    """Return what Envoy is started with; its files and its admin's socket lie in `folder`."""
    return {
        "node": {"id": "paddock", "cluster": "paddock"},
        # Whoever reaches it may do all: a socket in a folder that only this user can enter.
        "admin": {"address": {"pipe": {"path": str(folder / "admin.sock"), "mode": 0o600}}},
        "stats_flush_interval": "1s",  # what is read of waits is that old at most
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"prefix": f"{STATS}."}, "buckets": list(EDGES_MS)}
            ],
        },
        "overload_manager": {"resource_monitors": [_connections(specification)]},
        "layered_runtime": {
            "layers": [
                {"name": name, "rtds_layer": {"name": name, "rtds_config": _watched(folder / file)}}
                for name, file in (("weights", WEIGHTS), (LAYER, FAULTS))
            ]
        },
        "static_resources": {
            "listeners": [
                _listener(specification, folder),
                *metrics_listener(specification.host, specification.gateway.metrics_port),
            ],
            "clusters": [
                *metrics_cluster(folder, specification.gateway.metrics_port),
                *(_cluster(specification, arm, folder) for arm in ARMS),
                *([_door(folder, DOOR)] if specification.token_caps else []),
                *_of_router(specification, folder),
            ],
        },
    }


def _connections(specification: Specification) -> dict[str, Any]:
    """Return the most connections that are open at once; idle ones of clients count."""
    kind = f"{TYPES}.extensions.resource_monitors.downstream_connections.v3"
    most = 16 * specification.gateway.most_waiting
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{kind}.DownstreamConnectionsConfig",
            "max_active_downstream_connections": most,
        },
    }


def _watched(path: Path) -> dict[str, Any]:
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"resource_api_version": "V3", "path_config_source": source}


def _cluster(specification: Specification, arm: str, folder: Path) -> dict[str, Any]:
    most = specification.gateway.most_waiting
    limits = {
        "max_connections": most,
        "max_pending_requests": most,
        "max_requests": most,
        "max_retries": most,
    }
    return {
        "name": arm,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _watched(folder / endpoints_file(arm))},
        # Else an engine that is taken out goes on getting requests until a check fails.
        "ignore_health_on_host_removal": True,
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [limits]},
        "health_checks": [
            {
                "timeout": "2s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": HEALTH},
            }
        ],
        # Below half of them healthy it would send to all; the dead ones would get requests.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def _of_router(specification: Specification, folder: Path) -> list[dict[str, Any]]:
    """Return the small model's engines and the door that says small or large, if it is asked."""
    if specification.router is None:
        return []
    kind = f"{TYPES}.extensions.clusters.aggregate.v3.ClusterConfig"
    either = {
        "name": SMALL,
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": kind, "clusters": [SMALL_ENGINES, "stable"]},
        },
    }
    return [_cluster(specification, SMALL_ENGINES, folder), either, _door(folder, ROUTER_DOOR)]


def _door(folder: Path, name: str) -> dict[str, Any]:
    """Return a service of ours: a socket in the folder that only this user can enter."""
    pipe = {"pipe": {"path": str(folder / f"{name}.sock"), "mode": 0o600}}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": pipe}}]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
    }


def _listener(specification: Specification, folder: Path) -> dict[str, Any]:
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "front",
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "server_name": "paddock",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "access_log": [
            *([access_file(folder)] if specification.log.keep else []),
            *access_counts(),
        ],
        "local_reply_config": _reply(),
        "route_config": {"name": "all", "virtual_hosts": [routes(specification)]},
        "http_filters": http_filters(specification, folder),
    }
    if specification.router:
        manager["early_header_mutation_extensions"] = never_from_outside(SIZE)
    return {
        "name": "front",
        "address": address(specification.host, specification.port),
        "per_connection_buffer_limit_bytes": specification.gateway.largest_request,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }


def _reply() -> dict[str, Any]:
    """Return how the gateway's own refusals are told: as OpenAI's API tells errors."""
    error = {"message": "%LOCAL_REPLY_BODY%", "type": "gateway", "code": "%RESPONSE_CODE%"}
    said = {
        403: (400, "one answer a request: send it again for another (n is 1 here)"),
        429: (429, "more requests a minute than may be sent; wait, or ask for a higher limit"),
    }
    by_door = {"response_flag_filter": {"flags": ["UAEX"]}}
    mappers: list[dict[str, Any]] = [
        {  # it said nothing: it was not there
            "filter": {"and_filter": {"filters": [by_door, _code_is(503)]}},
            "body": {
                "inline_string": "this tenant's tokens cannot be reserved just now; ask again"
            },
        },
        {"filter": by_door},  # its own words
    ]
    mappers += [
        {
            "filter": _code_is(code),
            "status_code": told,
            "body": {"inline_string": text},
        }
        for code, (told, text) in said.items()
    ]
    return {"mappers": mappers, "body_format": {"json_format": {"error": error}}}


def _code_is(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": "-"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
