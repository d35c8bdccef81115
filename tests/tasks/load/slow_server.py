"""A server of OpenAI's protocol with so many slots, each taking its time; streams or not."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SlowServer:
    """Takes `seconds` for a request once one of `slots` is free; asked to fail, it fails."""

    def __init__(self, slots: int, seconds: float, *, streams: bool = True) -> None:
        self.seconds, self.streams, self.code = seconds, streams, 200
        self.asked: list[dict[str, Any]] = []
        free = threading.Semaphore(slots)
        mine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                mine.asked.append(body)
                with free:
                    time.sleep(mine.seconds / 2)
                    if mine.code == 200 and mine.streams:
                        self._stream(body)
                    else:
                        time.sleep(mine.seconds / 2)
                        message = {"message": {"content": "Yes."}}
                        self._say({"choices": [message], "usage": usage(body)})

            def _say(self, value: dict[str, Any]) -> None:
                data = json.dumps(value if mine.code == 200 else {"error": {}}).encode()
                self.send_response(mine.code)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _stream(self, body: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                pieces = [{"choices": [{"delta": {"content": "Yes. "}}]} for _ in range(2)]
                last = {"choices": [], "usage": usage(body)}
                for piece in (pieces[0], None, pieces[1], last):
                    if piece is None:
                        time.sleep(mine.seconds / 2)
                        continue
                    self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
                    self.wfile.flush()
                self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def usage(body: dict[str, Any]) -> dict[str, int]:
    asked = len(body["messages"][0]["content"].split())
    return {"prompt_tokens": asked, "completion_tokens": body["max_tokens"]}
