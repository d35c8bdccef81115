"""Reads a LoRA adapter as peft writes it, so that a model can be used with it and not merged.

Needs a folder with adapter_config.json and adapter_model.safetensors, which are all that is read:
no code, no pickle. Writes nothing. What changes more of a model than its linear layers' products
is refused, for leaving it out would give another model's answers.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.digests import file_digest
from data_contracts.errors import InputError

WEIGHTS = "adapter_model.safetensors"
_KEY = re.compile(
    r"base_model\.model\.model\.(layers\.\d+\.(?:self_attn\.[qkvo]|mlp\.(?:gate|up|down))_proj)"
    r"\.lora_([AB])\.weight"
)
# Each of these, where set, asks for more than two factors a layer.
_BEYOND = (
    "alpha_pattern",
    "fan_in_fan_out",
    "layer_replication",
    "lora_bias",
    "modules_to_save",
    "rank_pattern",
    "trainable_token_indices",
    "use_dora",
)


@dataclass(frozen=True)
class Adapter:
    """The factors by module (`layers.0.mlp.up_proj`): A (r, in) and B (out, r), with B scaled."""

    factors: dict[str, tuple[Any, Any]]
    digest: str


def read_adapter(folder: Path) -> Adapter:
    """Return the adapter in a folder; InputError for one that is more than low-rank products."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    scale = _scale(_config(folder), folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise _refusal(f"{WEIGHTS} cannot be read", folder) from error
    halves: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise _refusal(f"it changes {key[:120]!r}, which is no linear layer", folder)
        halves.setdefault(match[1], {})[match[2]] = tensor.float()
    for name, pair in halves.items():
        if set(pair) != {"A", "B"} or pair["A"].shape[0] != pair["B"].shape[1]:
            raise _refusal(f"its factors of {name} do not belong together", folder)
    factors = {name: (pair["A"], pair["B"] * scale) for name, pair in halves.items()}
    return Adapter(factors, file_digest(folder / WEIGHTS))


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "adapter_config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _refusal("adapter_config.json cannot be read as JSON", folder) from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refusal("it is not a LoRA adapter of peft", folder)
    beyond = [key for key in _BEYOND if config.get(key)]
    if config.get("bias", "none") != "none":
        beyond.append("bias")
    if config.get("init_lora_weights") not in (True, False, None, "gaussian", "orthogonal"):
        beyond.append("init_lora_weights")  # pissa and its kin change the base's own weights
    if beyond:
        raise _refusal(f"it uses {', '.join(beyond)}", folder)
    return config


def _scale(config: dict[str, Any], folder: Path) -> float:
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise _refusal("adapter_config.json has no r and lora_alpha", folder)
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _refusal(what: str, folder: Path) -> InputError:
    remedy = "give an adapter of plain LoRA on the linear layers, or merge it and give the model"
    return InputError(
        f"the adapter cannot be used unmerged: {what}",
        step="model",
        where=str(folder),
        remedy=remedy,
    )
