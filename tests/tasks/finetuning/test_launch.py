"""What a training process is started in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.finetuning.launch import MEMORY, training_environment
from tasks.models.hardware import BRIEF_SPIN, TRAINING_SPIN

PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
LOOK = """
block = bytearray(16 << 20)
print(any(line.startswith("VmFlags") and " hg" in line for line in open("/proc/self/smaps")))
"""


def test_training_takes_large_pages_and_waits_longer() -> None:
    tuned = training_environment({"GOMP_SPINCOUNT": BRIEF_SPIN, "HOME": "x"})
    assert tuned == {"GOMP_SPINCOUNT": TRAINING_SPIN, "HOME": "x", **MEMORY}


def test_what_a_person_has_set_stays() -> None:
    own = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1", "GOMP_SPINCOUNT": "7"}
    assert training_environment(own) == own
    waits = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": BRIEF_SPIN}
    assert training_environment(waits) == {**waits, **MEMORY}


@pytest.mark.skipif(
    not PAGES.is_file() or "[madvise]" not in PAGES.read_text(),
    reason="this kernel gives large pages to nobody, or to all without being asked",
)
def test_a_process_started_so_asks_for_large_pages() -> None:
    for given, asks in (({}, "False"), (training_environment({}), "True")):
        told = subprocess.run(
            [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, env=given
        )
        assert told.stdout.strip() == asks
