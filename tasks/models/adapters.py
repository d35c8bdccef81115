"""A LoRA adapter as peft writes it, so that a model can be used with it and not merged.

Needs a folder with adapter_config.json and adapter_model.safetensors, which are all that is read:
no code, no pickle. Writes nothing. What changes more of a model than its linear layers' products
is refused, for leaving it out would give another model's answers.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.digests import canonical_json, file_digest
from data_contracts.errors import InputError
from tasks.models.loading import load_outline

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
STEP = "adapter"
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
    """The factors by module (`layers.0.mlp.up_proj`): A (r, in) and B (out, r), with B scaled.

    `digest` is over the weights' file and the scale; `base` is what it says it was trained on.
    """

    factors: Mapping[str, tuple[Any, Any]]
    digest: str
    base: str = ""


def read_adapter(folder: Path) -> Adapter:
    """Return the adapter in a folder; InputError for one that is more than low-rank products."""
    config = _config(folder)
    rank, scale = _rank_and_scale(config, folder)
    halves: dict[str, dict[str, Any]] = {}
    for key, tensor in _tensors(folder).items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise _refusal(f"it changes {key[:120]!r}, which is no linear layer", folder)
        if not tensor.is_floating_point() or tensor.dim() != 2 or not tensor.isfinite().all():
            raise _refusal(f"{key} is no matrix of finite numbers", folder)
        halves.setdefault(match[1], {})[match[2]] = tensor.float()
    for name, pair in halves.items():
        if set(pair) != {"A", "B"} or pair["A"].shape[0] != pair["B"].shape[1]:
            raise _refusal(f"its factors of {name} do not belong together", folder)
        if pair["A"].shape[0] != rank:
            what = f"{CONFIG} says rank {rank}, its factors of {name} have {pair['A'].shape[0]}"
            raise _refusal(what, folder)
    _require_all_targets(config, halves, folder)
    identity = canonical_json({"weights": file_digest(folder / WEIGHTS), "scale": scale})
    return Adapter(
        factors={name: (pair["A"], pair["B"] * scale) for name, pair in halves.items()},
        digest=hashlib.sha256(identity).hexdigest(),
        base=str(config.get("base_model_name_or_path") or ""),
    )


def require_fit(adapter: Adapter, base: Path) -> None:
    """Refuse (InputError) an adapter of other layers than a model folder's; reads no weights."""
    import torch
    from transformers import AutoModelForCausalLM

    outline, _ = load_outline(base)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(outline.config, trust_remote_code=False)
    changed_layers(model, adapter)


def changed_layers(model: Any, adapter: Adapter) -> dict[str, Any]:
    """Return the model's layers that an adapter changes, by name; InputError if it misfits."""
    layers = dict(model.base_model.named_modules())
    if missing := set(adapter.factors) - set(layers):
        raise _misfit(f"the model has no {min(missing)}")
    for name, (low, high) in adapter.factors.items():
        if (high.shape[0], low.shape[1]) != tuple(layers[name].weight.shape):
            raise _misfit(f"its factors of {name} have another shape than the model's")
    return {name: layers[name] for name in adapter.factors}


@contextmanager
def attached(model: Any, adapter: Adapter | None) -> Generator[None]:
    """Let transformers' own forward of a model use an adapter, until the block ends."""
    from torch.nn.functional import linear

    def adding(low: Any, high: Any) -> Any:
        def add(_: Any, given: tuple[Any, ...], out: Any) -> Any:
            return out + linear(linear(given[0], low), high)

        return add

    hooks: list[Any] = []
    try:
        for name, layer in (changed_layers(model, adapter) if adapter else {}).items():
            factors = adapter.factors[name] if adapter else ()
            kind = {"device": layer.weight.device, "dtype": layer.weight.dtype}
            hooks.append(layer.register_forward_hook(adding(*(f.to(**kind) for f in factors))))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(folder: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for path in sorted(folder.glob("adapter_model*")):
        if path.name != WEIGHTS:
            what = f"of its weights only {WEIGHTS} is read, and {path.name} may be a pickle"
            raise _refusal(what, folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise _refusal(f"{WEIGHTS} cannot be read", folder) from error
    if not tensors:
        raise _refusal(f"{WEIGHTS} is empty", folder)
    return tensors


def _require_all_targets(config: Mapping[str, Any], found: Mapping[str, Any], folder: Path) -> None:
    """Refuse an adapter of which a part is missing. A pattern, not a list, is not held to."""
    targets = config.get("target_modules")
    if not isinstance(targets, list):
        return
    for target in targets:
        if not any(f".model.{name}".endswith(f".{target}") for name in found):
            raise _refusal(f"{CONFIG} names {str(target)[:120]}, which has no factors", folder)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except FileNotFoundError as error:
        raise _refusal(f"there is no {CONFIG}", folder) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(f"{CONFIG} cannot be read as JSON", folder) from error
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


def _rank_and_scale(config: Mapping[str, Any], folder: Path) -> tuple[int, float]:
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise _refusal(f"{CONFIG} has no r and lora_alpha", folder)
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    if not math.isfinite(scale):
        raise _refusal("its lora_alpha is no finite number", folder)
    return rank, scale


def _refusal(what: str, folder: Path) -> InputError:
    remedy = "give an adapter of plain LoRA on the linear layers, or merge it and give the model"
    return InputError(
        f"the adapter cannot be used unmerged: {what}",
        step=STEP,
        where=str(folder),
        remedy=remedy,
    )


def _misfit(what: str) -> InputError:
    return InputError(
        f"the adapter does not fit the model: {what}",
        step=STEP,
        remedy="give the base model that the adapter was trained on",
    )
