"""A small server of an engine's protocol: health, models, an answer that says who gave it.

By itself it is a command as vLLM's: `python -m tests.tasks.serving.stub_engine FOLDER PORT NAME`.
A fourth word is a file of how a candidate behaves: JSON with `fails` (each so many-th request),
`seconds` (of an answer) and `finish` (its reason). With `dies`, the name of a file, whoever can
make that file ends at its twentieth request as one that the system kills for want of memory; that
holds of the champion's, too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class StubEngine:
    """Answers at once; may be told to be ill, to fail, or to wait."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.name, self.asked = name, list[dict[str, Any]]()
        self.healthy, self.code = True, 200
        self.fails, self.seconds, self.finish = 0, 0.0, "stop"
        self.dies = ""
        self.may_answer = threading.Event()
        self.may_answer.set()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece: two would wait for each other

            def do_GET(self) -> None:
                if self.path == "/health":
                    self._say(200 if stub.healthy else 503, {})
                else:
                    self._say(200, {"object": "list", "data": [{"id": stub.name}]})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                stub.asked.append(dict(self.headers.items()) | {"body": body.decode()})
                stub.may_answer.wait(60)
                if stub.dies and len(stub.asked) >= 20:
                    with suppress(FileExistsError):
                        Path(stub.dies).touch(exist_ok=False)
                        os.kill(os.getpid(), signal.SIGKILL)
                message = {"role": "assistant", "content": "Yes."}
                choice = {"index": 0, "message": message, "finish_reason": stub.finish}
                time.sleep(stub.seconds)
                usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
                fails = stub.fails and len(stub.asked) % stub.fails == 0
                self._say(
                    500 if fails else stub.code,
                    {"model": stub.name, "choices": [choice], "usage": usage},
                )

            def _say(self, code: int, value: dict[str, Any]) -> None:
                data = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    assert (Path(sys.argv[1]) / "config.json").is_file()
    assert not [name for name in os.environ if name.startswith(("PADDOCK_", "MLFLOW_"))]
    engine = StubEngine(sys.argv[3], int(sys.argv[2]))
    if len(sys.argv) > 4 and Path(sys.argv[4]).exists():
        told = json.loads(Path(sys.argv[4]).read_text())
        if engine.name.rpartition("/")[2].isdecimal():  # a release's, no digest
            told = {key: value for key, value in told.items() if key == "dies"}
        vars(engine).update(told)
    threading.Event().wait()
