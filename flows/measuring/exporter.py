"""The exporter of `paddock up`: tells Prometheus what is recorded, whenever it asks.

`python -m flows.measuring.exporter`, a part of `paddock up`, and beside your own servers with the
same settings. Flow runs are short, so nothing pushes: this reads what they left. Serves `/metrics`
at PADDOCK_METRICS_HOST and PADDOCK_METRICS_PORT; writes nothing. It asks for no login, and tells
no text of anybody's, no id and no secret.
"""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry, start_http_server

from flows.measuring.collecting import Collector
from flows.measuring.sources import sources_of
from flows.workshop.settings import read_settings


def main() -> int:
    """Serve until stopped; 2 where no port is set, or it is taken."""
    settings = read_settings()
    host, port = settings.metrics_host, settings.metrics_port
    if not port:
        print("ERROR PADDOCK_METRICS_PORT is 0: no metrics")  # noqa: T201
        return 2
    registry = CollectorRegistry()
    registry.register(Collector(sources_of(settings)))
    try:
        _, thread = start_http_server(port, host, registry)
    except OSError as error:
        print(f"ERROR port {port} of {host} cannot be used: {error.strerror}")  # noqa: T201
        return 2
    print(f"metrics at http://{host}:{port}/metrics", flush=True)  # noqa: T201
    thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
