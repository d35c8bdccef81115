"""Writes what training made: merged weights with the base's own tokenizer, and the adapter.

The tokenizer's files are copied byte for byte: the one that trained is the one that ships.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tasks.finetuning.quantization import merge
from tasks.finetuning.recipe import TrainingJob

WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".gguf")
OURS = ("config.json", "generation_config.json", "manifest.json")


def export_model(model: Any, job: TrainingJob, out: Path) -> None:
    """Write `out/model` and, for LoRA and QLoRA, `out/adapter`."""
    import torch

    merged = out / "model"
    shutil.rmtree(merged, ignore_errors=True)
    if job.recipe.adapts:
        _export_adapter(model, job, out / "adapter")
        model = merge(model)
    model.to(torch.bfloat16).save_pretrained(merged)
    for path in sorted(Path(job.base).iterdir()):
        if path.is_file() and not path.name.endswith(WEIGHTS) and path.name not in OURS:
            shutil.copyfile(path, merged / path.name)


def _export_adapter(model: Any, job: TrainingJob, folder: Path) -> None:
    """Write the adapter with a config that is the same in every run and names no local path."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = f"{job.base_name} (sha256 {job.base_digest})"
    for key, value in config.items():
        if isinstance(value, list):
            config[key] = sorted(value)  # peft writes a set, in whatever order it has
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
