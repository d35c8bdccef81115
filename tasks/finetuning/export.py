"""Writes what training made: merged weights with the base's own tokenizer, and the adapter.

The tokenizer's files are copied byte for byte: the one that trained is the one that ships.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from model_registry.model_files import load_tokenizer
from tasks.finetuning.quantization import merge
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.models.chat_rendering import RenderingError, closing_token, end_ids

WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".gguf")
PRECISIONS = {"bf16": "bfloat16", "fp32": "float32"}
OURS = ("config.json", "generation_config.json", "manifest.json")


def export_model(model: Any, job: TrainingJob, out: Path) -> None:
    """Write `out/model` and, for LoRA and QLoRA, `out/adapter`.

    Weights are in the precision that they trained in: rounded to less, an update may be gone. What
    closes a turn is among the tokens that end generation, for whoever serves the model.
    """
    import torch

    merged = out / "model"
    shutil.rmtree(merged, ignore_errors=True)
    if job.recipe.adapts:
        _export_adapter(model, job, out / "adapter")
        model = merge(model)
    _end_at_the_turns_end(model, Path(job.base))
    model.to(getattr(torch, PRECISIONS[job.recipe.precision])).save_pretrained(merged)
    for path in sorted(Path(job.base).iterdir()):
        if path.is_file() and not path.name.endswith(WEIGHTS) and path.name not in OURS:
            shutil.copyfile(path, merged / path.name)


def weights_note(recipe: Recipe, base: Path) -> str:
    """Say in a sentence what precision a trained model's weights have, and what its base's had."""
    trained = PRECISIONS[recipe.precision]
    config = json.loads((base / "config.json").read_text())
    given = config.get("dtype") or config.get("torch_dtype") or "float32"
    said = f"weights are trained and kept in {trained}"
    if given == trained:
        return said
    rounded = "rounded to it" if trained == "bfloat16" else "widened to it"
    return f"{said}; the base's are {given}, and were {rounded}"


def _end_at_the_turns_end(model: Any, base: Path) -> None:
    config, tokenizer = model.generation_config, load_tokenizer(base)
    ends = end_ids(config, tokenizer)
    try:
        closing = closing_token(tokenizer, ends)
    except RenderingError:  # as of a base for documents alone
        return
    if closing is not None and closing not in ends:
        config.eos_token_id = [*ends, closing]


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
