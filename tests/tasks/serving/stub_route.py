"""A small API server that holds one HTTPRoute: GET and merge PATCH of it, under its version."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/apis/gateway.networking.k8s.io/v1/namespaces/paddock/httproutes/serving"


def merged(old: Any, patch: Any) -> Any:
    """Return what RFC 7386 makes of a patch: objects are merged, all else is replaced."""
    if not isinstance(patch, dict):
        return patch
    found: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


class StubRoute:
    """Answers as the API does; a gateway accepts what is written, if it is well."""

    def __init__(self, token: str) -> None:
        self.token, self.accepts, self.patches = token, True, 0
        self.before_patch: Callable[[], None] = lambda: None
        refs = [{"name": f"serving-{arm}", "port": 80} for arm in ("baseline", "stable", "canary")]
        other = {"backendRefs": [{"name": "pages", "port": 80, "weight": 3}], "matches": ["docs"]}
        self.route: dict[str, Any] = {
            "metadata": {"name": "serving", "resourceVersion": "1", "generation": 1},
            "spec": {"parentRefs": [{"name": "front"}], "rules": [other, {"backendRefs": refs}]},
        }
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                self._answer(None)

            def do_PATCH(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/merge-patch+json"
                self._answer(json.loads(body))

            def _answer(self, patch: dict[str, Any] | None) -> None:
                if self.headers.get("authorization") != f"Bearer {stub.token}":
                    return self._say(401, {})
                if self.path != PATH:
                    return self._say(404, {})
                return self._say(*stub.patched(patch) if patch else (200, stub.told()))

            def _say(self, code: int, value: dict[str, Any]) -> None:
                data = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def patched(self, patch: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return what a patch is answered; 409 where it was made of another version."""
        self.before_patch()
        asked = patch.get("metadata", {}).get("resourceVersion")
        if asked not in (None, self.route["metadata"]["resourceVersion"]):
            return 409, {"reason": "Conflict"}
        self.patches += 1
        self.changed(merged(self.route, patch))
        return 200, self.told()

    def changed(self, route: dict[str, Any]) -> None:
        """Let somebody's change stand."""
        meta = route["metadata"]
        version, generation = str(int(meta["resourceVersion"]) + 1), meta["generation"] + 1
        meta = meta | {"resourceVersion": version, "generation": generation}
        self.route = route | {"metadata": meta}

    def told(self) -> dict[str, Any]:
        """Return the route, with what its gateway says of it."""
        seen = self.route["metadata"]["generation"] - (0 if self.accepts else 1)
        condition = {"type": "Accepted", "status": "True", "observedGeneration": seen}
        return self.route | {"status": {"parents": [{"conditions": [condition]}]}}

    def end(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
