"""Clients that keep a connection each and ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Asked:
    """What clients saw: waits in seconds, answered tokens, failures, over `seconds`."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list[float])
    tokens: int = 0
    failed: int = 0

    @property
    def p95_ms(self) -> float:
        """Return the wait that 95 % stayed below."""
        return float(np.quantile(self.waits, 0.95)) * 1000

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return len(self.waits) / self.seconds

    @property
    def tokens_a_second(self) -> float:
        """Return answered tokens a second."""
        return self.tokens / self.seconds


def ask(port: int, clients: int, seconds: float, body: bytes) -> Asked:
    """Ask a port of this machine for so long; what is under way at the end still counts."""
    return asyncio.run(_ask(port, clients, seconds, body))


async def _ask(port: int, clients: int, seconds: float, body: bytes) -> Asked:
    found, began = Asked(), time.perf_counter()
    await asyncio.gather(*(_client(port, began + seconds, body, found) for _ in range(clients)))
    found.seconds = time.perf_counter() - began
    return found


async def _client(port: int, end: float, body: bytes, found: Asked) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    while time.perf_counter() < end:
        began = time.perf_counter()
        writer.write(head + body)
        top = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(top.partition(b"content-length:")[2].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        found.waits.append(time.perf_counter() - began)
        if b" 200 " not in top.split(b"\r\n")[0]:
            found.failed += 1
        elif b"completion_tokens" in answer:
            found.tokens += json.loads(answer)["usage"]["completion_tokens"]
    writer.close()
