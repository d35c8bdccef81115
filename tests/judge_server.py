"""A judge behind a real endpoint of OpenAI's chat protocol, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tasks.evaluation.judging.endpoint import Endpoint

KEY = "a-key-nobody-may-read"


class Judge(ThreadingHTTPServer):
    """Answers as `says` decides of the user's words; fails the first `failing` times."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mouth)
        self.says: Callable[[str], str] = str
        self.failing, self.asked = 0, list[dict[str, Any]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url, KEY, waits=(0.01, 0.01))


class Mouth(BaseHTTPRequestHandler):
    """One question."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Judge)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append({**body, "key": self.headers["Authorization"]})
        if self.path != "/v1/chat/completions" or server.failing > 0:
            server.failing -= 1
            return self._send(503, {"error": "busy"})
        said = server.says(body["messages"][1]["content"])
        choice = {"message": {"role": "assistant", "content": said}}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return self._send(200, {"choices": [choice], "usage": usage})

    def _send(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Generator[Judge]:
    """Let a judge answer meanwhile."""
    server = Judge()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
