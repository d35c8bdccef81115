"""The gateway's filters: limits, the capture of requests, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.serving.gateway.arms import TYPES
from tasks.serving.gateway.counted import REQUEST, TENANT
from tasks.serving.gateway.faults import fault_filter
from tasks.serving.specification import Routing, Specification

LIMITS = "envoy.filters.http.local_ratelimit"
TOKENS = "envoy.filters.http.ext_authz"
ROUTER = "paddock.router"  # the second filter of that kind
SIZE = "x-paddock-size"  # what the router's door says of a request
RESERVE, SETTLE = "/reserve", "/settle"
DOOR = "token-caps"  # the cluster of the door that reserves tokens, and its socket's name
ROUTE, ROUTER_DOOR = "/route", "router"  # the same of the one that says small or large
_FILTERS = f"{TYPES}.extensions.filters.http"
_READ = 64 << 10  # bytes of a request that the router's door sees


def http_filters(specification: Specification, folder: Path) -> list[dict[str, Any]]:
    """Return the filters in their order; captures are written below `folder`."""
    found = [_limits(specification)]
    if specification.log.keep:
        found.append(_tap(specification, folder))
    found += [_one_answer(), _refuse_several()]
    # After what waits for the whole body: the log has the requests that are made to fail, too.
    found.append({"name": "envoy.filters.http.fault", "typed_config": fault_filter()})
    if specification.token_caps:
        found.append(_ask_for_tokens(specification))
    if specification.router:
        found.append(_ask_for_size(specification.router))
    found.append(_filter("router", f"{_FILTERS}.router.v3.Router", {}))
    return found


def _filter(name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **settings}}


def _limits(specification: Specification) -> dict[str, Any]:
    """Return the filter of requests a minute: a bucket a tenant that is named, one for the rest."""

    def bucket(count: int) -> dict[str, Any]:
        return {"max_tokens": count, "tokens_per_fill": count, "fill_interval": "60s"}

    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    settings = {
        "stat_prefix": "limits",
        "token_bucket": bucket(specification.gateway.requests_per_minute),
        # Without both of them nothing is limited, and nothing says so.
        "filter_enabled": always,
        "filter_enforced": always,
        "always_consume_default_token_bucket": False,
        "rate_limits": [
            {"actions": [{"request_headers": {"header_name": TENANT, "descriptor_key": "tenant"}}]}
        ],
        "descriptors": [
            {
                "entries": [{"key": "tenant", "value": name}],
                "token_bucket": bucket(
                    tenant.requests_per_minute or specification.gateway.requests_per_minute
                ),
            }
            for name, tenant in specification.tenants.items()
        ],
    }
    return _filter("local_ratelimit", f"{_FILTERS}.local_ratelimit.v3.LocalRateLimit", settings)


def _tap(specification: Specification, folder: Path) -> dict[str, Any]:
    """Return the filter that writes each request and its answer, raw, for the log's writer."""
    common = {
        "static_config": {
            "match": {"http_request_headers_match": {"headers": [_asks_for_text()]}},
            "output_config": {
                "max_buffered_rx_bytes": specification.log.largest,
                "max_buffered_tx_bytes": specification.log.largest,
                "sinks": [
                    {
                        "format": "JSON_BODY_AS_STRING",
                        "file_per_tap": {"path_prefix": str(folder / "tap" / "t")},
                    }
                ],
            },
        }
    }
    return _filter("tap", f"{_FILTERS}.tap.v3.Tap", {"common_config": common})


def _asks_for_text() -> dict[str, Any]:
    return {
        "name": ":path",
        "string_match": {"safe_regex": {"regex": r"/v1/(chat/)?completions.*"}},
    }


def _one_answer() -> dict[str, Any]:
    """Return the filter that reads how many answers a request asks for."""
    many = {"metadata_namespace": "paddock", "key": "answers", "type": "NUMBER"}
    rules: dict[str, Any] = {"rules": [{"selectors": [{"key": "n"}], "on_present": many}]}
    kind = f"{_FILTERS}.json_to_metadata.v3.JsonToMetadata"
    rules["allow_empty_content_type"] = True
    rules["allow_content_types_regex"] = {
        "regex": ".*"
    }  # llama.cpp reads a body whatever it is called
    return _filter("json_to_metadata", kind, {"request_rules": rules})


def _refuse_several() -> dict[str, Any]:
    """Return the filter that refuses several: llama.cpp computes them, and counts one."""
    several = {"double_match": {"range": {"start": 1.5, "end": 1e12}}}
    where = {"filter": "paddock", "path": [{"key": "answers"}], "value": several}
    policy = {
        "permissions": [{"any": True}],
        "principals": [{"sourced_metadata": {"metadata_matcher": where}}],
    }
    rules = {"action": "DENY", "policies": {"one answer a request": policy}}
    return _filter("rbac", f"{_FILTERS}.rbac.v3.RBAC", {"rules": rules})


def _ask_for_tokens(specification: Specification) -> dict[str, Any]:
    """Return the filter that has tokens set aside for a request, or refuses it.

    It is off but on the routes of tenants with a cap. A door that does not answer lets nobody
    through: a cap is there for money.
    """
    server = {"uri": f"http://{DOOR}", "cluster": DOOR, "timeout": "2s"}
    settings = {
        "http_service": {"server_uri": server, "path_prefix": RESERVE},
        "allowed_headers": {"patterns": [{"exact": TENANT}, {"exact": REQUEST}]},
        "with_request_body": {"max_request_bytes": specification.gateway.largest_request},
        "status_on_error": {"code": "ServiceUnavailable"},
    }
    return _filter("ext_authz", f"{_FILTERS}.ext_authz.v3.ExtAuthz", settings)


def _ask_for_size(routing: Routing) -> dict[str, Any]:
    """Return the filter that has the router's door say which model a request goes to.

    Of a long request the door sees the beginning, and of what it cannot read it says nothing. A
    door that is slow or gone refuses nobody: without its word a request goes to the champion.
    """
    uri = {"uri": f"http://{ROUTER_DOOR}", "cluster": ROUTER_DOOR}
    settings = {
        "stat_prefix": ROUTER_DOOR,
        "http_service": {
            "server_uri": {**uri, "timeout": f"{routing.timeout_ms / 1000:g}s"},
            "path_prefix": ROUTE,
            "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": SIZE}]}},
        },
        "with_request_body": {"max_request_bytes": _READ, "allow_partial_message": True},
        "failure_mode_allow": True,
        "clear_route_cache": True,  # its word decides on the route
    }
    kind = f"{_FILTERS}.ext_authz.v3.ExtAuthz"
    return {"name": ROUTER, "typed_config": {"@type": kind, **settings}}


def never_from_outside(header: str) -> list[dict[str, Any]]:
    """Return what takes a header away before anything reads it: a client may not send it."""
    kind = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return [
        {
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {
                "@type": f"type.googleapis.com/{kind}",
                "mutations": [{"remove": header}],
            },
        }
    ]


def size_asked(*, on: bool) -> dict[str, Any]:
    """Return what a route or a host says of the filter that asks for a size."""
    return {ROUTER: _per_route(on=on)}


def tokens_asked(*, on: bool) -> dict[str, Any]:
    """Return what a route or a host says of that filter."""
    return {TOKENS: _per_route(on=on)}


def _per_route(*, on: bool) -> dict[str, Any]:
    how: dict[str, Any] = {"check_settings": {}} if on else {"disabled": True}
    return {"@type": f"{_FILTERS}.ext_authz.v3.ExtAuthzPerRoute", **how}
