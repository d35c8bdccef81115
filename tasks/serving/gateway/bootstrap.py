"""The gateway's configuration: Envoy before the engines, as one file that it is started with.

What changes while it runs stands in files of their own, which it watches (`arms`). Pure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.serving.gateway.arms import (
    ARMS,
    RUNTIME_KEY,
    SALT_KEY,
    SALTS,
    SUM,
    TYPES,
    WEIGHTS,
    address,
    endpoints_file,
)
from tasks.serving.gateway.counted import (
    EDGES_MS,
    HEALTH,
    STATS,
    TENANT,
    USER,
    access_counts,
    access_file,
)
from tasks.serving.gateway.faults import FAULTS, LAYER
from tasks.serving.gateway.filters import DOOR, LIMITS, http_filters, tokens_asked
from tasks.serving.gateway.metrics_page import metrics_cluster, metrics_listener
from tasks.serving.specification import Specification

ASKING = ("/v1/chat/completions", "/v1/completions")
PATHS = (*ASKING, "/v1/models")
_OFF = {"@type": f"{TYPES}.config.route.v3.FilterConfig", "disabled": True}


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
                *([_door(folder)] if specification.token_caps else []),
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


def _door(folder: Path) -> dict[str, Any]:
    """Return where tokens are reserved: a socket in the folder that only this user can enter."""
    pipe = {"pipe": {"path": str(folder / f"{DOOR}.sock"), "mode": 0o600}}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": pipe}}]}
    return {
        "name": DOOR,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": DOOR, "endpoints": [endpoint]},
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
        "route_config": {"name": "all", "virtual_hosts": [_host(specification)]},
        "http_filters": http_filters(specification, folder),
    }
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


def _host(specification: Specification) -> dict[str, Any]:
    seconds = f"{specification.gateway.timeout_seconds:g}s"
    route = {
        "weighted_clusters": {
            "clusters": [{"name": arm, "weight": SUM if arm == "stable" else 0} for arm in ARMS],
            "runtime_key_prefix": RUNTIME_KEY,
            "use_hash_policy": True,
        },
        "hash_policy": [{"header": {"header_name": USER}, "terminal": True}],
        "timeout": seconds,
        # What an engine was lost with before a byte of its answer goes to another one; what is
        # only slow stays where it is.
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset",
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": f"{TYPES}.extensions.retry.host.previous_hosts.v3"
                        ".PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 3,
        },
    }
    routes = [
        *_capped(specification, route),
        *({"match": {"path": path}, "route": route} for path in PATHS),
    ]
    other = {"status": 404, "body": {"inline_string": "nothing is served at this path"}}
    off = tokens_asked(on=False) if specification.token_caps else {}
    return {
        "name": "all",
        "domains": ["*"],
        "typed_per_filter_config": off,
        "request_headers_to_remove": ["authorization"],  # no engine asks for a key
        "routes": [
            # An engine's own answer: 503 where none is left.
            {
                "match": {"path": HEALTH},
                "route": {"cluster": "stable", "timeout": "2s"},
                "typed_per_filter_config": {LIMITS: _OFF},
            },
            *(_salted(one, salt) for salt in range(1, SALTS) for one in routes),
            *routes,
            {"match": {"prefix": "/"}, "direct_response": other},
        ],
    }


def _salted(found: dict[str, Any], salt: int) -> dict[str, Any]:
    """Return a route as it is while users are shuffled by a salt: the hash is of both together."""
    on = {"default_value": {"numerator": 0}, "runtime_key": f"{SALT_KEY}.{salt}"}
    rewrite = {"pattern": {"regex": "^"}, "substitution": f"{salt} "}
    header = {"header_name": USER, "regex_rewrite": rewrite}
    route = found["route"] | {"hash_policy": [{"header": header, "terminal": True}]}
    return found | {"match": found["match"] | {"runtime_fraction": on}, "route": route}


def _capped(specification: Specification, route: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the routes of tenants with a cap: on them tokens are asked for first."""
    return [
        {
            "match": {
                "path": path,
                "headers": [{"name": TENANT, "string_match": {"exact": tenant}}],
            },
            "route": route,
            "typed_per_filter_config": tokens_asked(on=True),
        }
        for tenant in specification.token_caps
        for path in ASKING
    ]


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
