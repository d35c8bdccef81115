"""This machine and the servers: free space at the home, GPUs, whether servers answer.

Needs the settings; writes nothing. What a GPU says of itself is NVML's; without a driver there is
none.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from flows.measuring.figures import Figure, figure
from flows.servers.watchdog import ask
from flows.workshop.settings import Settings


def disk(settings: Settings) -> Iterator[Figure]:
    """Yield the space at the home."""
    found = shutil.disk_usage(settings.home)
    yield figure("paddock_home_free_bytes", found.free)
    yield figure("paddock_home_size_bytes", found.total)


def gpus() -> Iterator[Figure]:
    """Yield how busy each GPU is, and its memory."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no GPU
        yield figure("paddock_gpus", 0)
        return
    try:
        count = pynvml.nvmlDeviceGetCount()
        yield figure("paddock_gpus", count)
        for number in range(count):
            card = pynvml.nvmlDeviceGetHandleByIndex(number)
            busy = float(pynvml.nvmlDeviceGetUtilizationRates(card).gpu) / 100
            memory = pynvml.nvmlDeviceGetMemoryInfo(card)
            yield figure("paddock_gpu_busy_ratio", busy, gpu=number)
            yield figure("paddock_gpu_memory_used_bytes", int(memory.used), gpu=number)
            yield figure("paddock_gpu_memory_size_bytes", int(memory.total), gpu=number)
    finally:
        pynvml.nvmlShutdown()


def server(name: str, address: str) -> Iterator[Figure]:
    """Yield whether a server answers at its address of health, and how long that took."""
    start = time.monotonic()
    try:
        ask(address)
    except (OSError, ValueError):
        yield figure("paddock_server_up", 0, server=name)
        return
    yield figure("paddock_server_up", 1, server=name)
    yield figure("paddock_server_answer_seconds", time.monotonic() - start, server=name)
