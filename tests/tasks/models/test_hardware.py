"""One answer to what this machine computes fast in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import choose_precision
from tasks.models import hardware
from tasks.models.hardware import device_and_precision, fastest_precision


@pytest.mark.parametrize("probe", ["avx512_bf16", "amx_tile", "arm_bf16", None])
def test_training_and_evaluation_agree_on_each_processor(
    monkeypatch: pytest.MonkeyPatch, probe: str | None
) -> None:
    import torch

    for name in ("avx512_bf16", "amx_tile", "arm_bf16"):

        def capable(found: bool = name == probe) -> bool:
            return found

        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", capable, raising=False)
    wide: Any = "float32" if probe is None else "bfloat16"
    assert fastest_precision("cpu") == wide
    recipe_word = {"float32": "fp32", "bfloat16": "bf16"}[wide]
    assert choose_precision(Recipe(), torch.device("cpu")) == recipe_word
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_and_precision() == ("cpu", wide)


def test_a_gpu_that_only_imitates_bfloat16_is_not_fast_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    def supported(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert fastest_precision("cuda") == fastest_precision("cuda:1") == "float32"
    assert fastest_precision("mps") == "float32"


def test_what_linux_says_is_what_torch_says() -> None:
    code = (
        "import sys\nfrom tasks.models.hardware import device_and_precision\n"
        "early = device_and_precision()\nwas_loaded = 'torch' in sys.modules\n"
        "import torch\nassert device_and_precision() == early\n"
        "print(was_loaded, torch.__version__)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    was_loaded, version = told.stdout.split()
    assert (was_loaded == "False") == (version.endswith("+cpu") and sys.platform == "linux")


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_tile", "bfloat16"),
        ("Features\t: fp asimd bf16", "bfloat16"),
        ("flags\t\t: fpu avx512f bf16x", "float32"),
        ("nothing that is known", None),
    ],
)
def test_a_torch_for_processors_alone_is_not_loaded_to_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, precision: str | None
) -> None:
    said = tmp_path / "cpuinfo"
    said.write_text(f"processor\t: 0\n{flags}\nbugs\t\t: bf16\n")
    built = ["2.13.0+cpu"]
    monkeypatch.setattr(hardware, "_PROCESSORS", said)
    monkeypatch.setattr(hardware, "version", lambda _: built[0])  # pyright: ignore
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    ask = hardware._without_torch  # pyright: ignore[reportPrivateUsage]
    assert ask() == precision
    built[0] = "2.13.0"  # built for GPUs as well: only torch knows whether there is one
    assert ask() is None
