"""Measures what float8 products (torchao) would bring: the trainer with compiled layers, with both.

torchao's casts are fast only where torch.compile fuses them, so the layers are transformers' own,
compiled, in bf16 as with float8, over torch's attention. Documents have lengths in sixteens, which
its products ask for.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from tests.benchmarks.finetuning import ours
from tests.benchmarks.finetuning.shapes import lengths


def measure(shape: str, device: Any, *, float8: str = "", **settings: Any) -> dict[str, Any]:
    """Train with compiled layers; `float8` is a recipe's name in torchao, or empty for bf16."""

    def compiled(_: str, __: str, model: Any, device: Any) -> str:
        if float8:
            from torchao.float8 import (  # pyright: ignore[reportMissingImports]
                Float8LinearConfig,
                convert_to_float8_training,
            )

            convert_to_float8_training(
                model.get_decoder().layers, config=Float8LinearConfig.from_recipe_name(float8)
            )
        for layer in model.get_decoder().layers:
            layer.compile()
        return "liger" if device.type == "cuda" else "plain"  # with the fused loss there

    def in_sixteens(*args: Any, **kwargs: Any) -> list[int]:
        return [max(16, length // 16 * 16) for length in lengths(*args, **kwargs)]

    def none(_: int) -> bool:
        return False

    with (
        patch("tasks.models.attention.packed.own_kernels", none),
        patch("tasks.finetuning.trainer.use_kernels", compiled),
        patch("tests.benchmarks.finetuning.ours.lengths", in_sixteens),
    ):
        return ours.measure(shape, device, **settings)
