"""The one way to load a model: safetensors only, no code from the folder, no hub.

Needs a folder that `check_model_folder` lets pass; writes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from model_registry.model_files import check_model_folder, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Precision = Literal["float32", "bfloat16", "float16"]


class Outline(NamedTuple):
    """What a model says of itself, without its weights."""

    config: Any
    generation_config: Any


def load_model(
    folder: Path, *, device: str = "cpu", dtype: Precision = "float32"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model (in eval mode, on `device`) and its tokenizer; see `check_model_folder`."""
    import torch
    from transformers import AutoModelForCausalLM

    check_model_folder(folder)
    model = cast(
        "PreTrainedModel",
        AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            attn_implementation="sdpa",
        ),
    )
    cast("Any", model).to(device)
    return model.eval(), load_tokenizer(folder)


def load_outline(folder: Path) -> tuple[Outline, PreTrainedTokenizerBase]:
    """Return the model's configs, as `load_model` would find them, and its tokenizer."""
    from transformers import AutoConfig, GenerationConfig

    check_model_folder(folder)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if (folder / "generation_config.json").is_file():
        generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
    else:
        generation = GenerationConfig.from_model_config(config)
    return Outline(config, generation), load_tokenizer(folder)
