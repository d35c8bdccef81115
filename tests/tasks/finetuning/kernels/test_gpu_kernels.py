"""The Triton kernels compute what torch does: here in Triton's interpreter, without a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[4]
# Interpreted, bf16 is cut off instead of rounded: one part in 128.
ROUNDED = {"AdamW, weights are the copies rounded": 2**-7}


@pytest.fixture(scope="module")
def apart() -> dict[str, float]:
    """How far each kernel is from torch, by what it computes."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.tasks.finetuning.kernels.interpreted_kernels"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", ["attention", "norm", "AdamW", "softmax", "9/3 heads of 64"])
def test_a_kernel_computes_what_torch_does(apart: dict[str, float], what: str) -> None:
    some = {name: far for name, far in apart.items() if name.startswith(what)}
    assert some
    assert {n: far for n, far in some.items() if not far <= ROUNDED.get(n, 5e-6)} == {}
