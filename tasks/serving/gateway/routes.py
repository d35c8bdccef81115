"""The gateway's routes: which requests go to which arm, and what is asked before. Pure."""

from __future__ import annotations

from typing import Any

from tasks.serving.gateway.arms import (
    ARMS,
    RUNTIME_KEY,
    SALT_KEY,
    SALTS,
    SMALL,
    SUM,
    TYPES,
)
from tasks.serving.gateway.counted import HEALTH, TENANT, USER
from tasks.serving.gateway.filters import LIMITS, SIZE, size_asked, tokens_asked
from tasks.serving.specification import Specification

CHAT = "/v1/chat/completions"  # what a router decides on
ASKING = (CHAT, "/v1/completions")
PATHS = (*ASKING, "/v1/models")
_OFF = {"@type": f"{TYPES}.config.route.v3.FilterConfig", "disabled": True}


def routes(specification: Specification) -> dict[str, Any]:
    """Return the gateway's one host: every path that is served, and what the others get."""
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
    served = [
        *_asking(specification, route),
        *({"match": {"path": path}, "route": route} for path in PATHS if path not in ASKING),
    ]
    # Beside a router nothing is compared, so nobody is shuffled.
    salts = range(1, 1 if specification.router else SALTS)
    other = {"status": 404, "body": {"inline_string": "nothing is served at this path"}}
    off = tokens_asked(on=False) if specification.token_caps else {}
    off |= size_asked(on=False) if specification.router else {}
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
            *(_salted(one, salt) for salt in salts for one in served),
            *served,
            {"match": {"prefix": "/"}, "direct_response": other},
        ],
    }


def _asking(specification: Specification, route: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the routes of what engines compute: by tenant, and by what the router's door said.

    On those of tenants with a cap tokens are asked for first. Nothing has a size before the door
    was asked, and then the route is looked for anew.
    """
    found: list[dict[str, Any]] = []
    for tenant in (*specification.token_caps, None):
        for path in ASKING:
            of_tenant = [_is(TENANT, tenant)] if tenant is not None else []
            asked = tokens_asked(on=True) if tenant is not None else {}
            if specification.router and path == CHAT:
                asked |= size_asked(on=True)
                small = {"path": path, "headers": [*of_tenant, _is(SIZE, SMALL)]}
                found.append({"match": small, "route": _to_small(route), **_per(asked)})
            match = {"path": path, **({"headers": of_tenant} if of_tenant else {})}
            found.append({"match": match, "route": route, **_per(asked)})
    return found


def _salted(found: dict[str, Any], salt: int) -> dict[str, Any]:
    """Return a route as it is while users are shuffled by a salt: the hash is of both together."""
    on = {"default_value": {"numerator": 0}, "runtime_key": f"{SALT_KEY}.{salt}"}
    rewrite = {"pattern": {"regex": "^"}, "substitution": f"{salt} "}
    header = {"header_name": USER, "regex_rewrite": rewrite}
    route = found["route"] | {"hash_policy": [{"header": header, "terminal": True}]}
    return found | {"match": found["match"] | {"runtime_fraction": on}, "route": route}


def _is(header: str, value: str) -> dict[str, Any]:
    return {"name": header, "string_match": {"exact": value}}


def _per(asked: dict[str, Any]) -> dict[str, Any]:
    return {"typed_per_filter_config": asked} if asked else {}


def _to_small(route: dict[str, Any]) -> dict[str, Any]:
    """Return a route to the small model; what its engines lose goes on to the champion's."""
    kind = f"{TYPES}.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
    priority = {
        "name": "envoy.retry_priorities.previous_priorities",
        "typed_config": {"@type": kind, "update_frequency": 1},
    }
    return {
        "cluster": SMALL,
        "timeout": route["timeout"],
        "retry_policy": {**route["retry_policy"], "retry_priority": priority},
    }
