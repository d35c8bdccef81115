"""One answer to what this machine computes fast in."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import choose_precision
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
