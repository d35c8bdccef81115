"""A random adapter of a model as peft writes it, and the model with it merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.models.loading import load_model

TARGETS = ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def write_adapter(base: Path, folder: Path, targets: tuple[str, ...] = TARGETS) -> None:
    """Write `adapter` and `merged` into a folder."""
    import torch
    from peft import LoraConfig, get_peft_model

    model, tokenizer = load_model(base)
    config = LoraConfig(r=4, lora_alpha=12, target_modules=list(targets))
    adapted: Any = get_peft_model(model, config)
    torch.manual_seed(11)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(folder / "adapter")
    adapted.merge_and_unload().save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
