"""A folder as training leaves it, with random bytes for weights: what a release does not look at.

Writes the folder: shards of weights, a config, a real tokenizer, a card and references.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

SHARDS = 4
_PIECE = 8 << 20  # bytes


def write_folder(folder: Path, size: int) -> None:
    """Write `size` bytes of weights in shards, and what a candidate needs beside them."""
    model = folder / "model"
    model.mkdir(parents=True)
    for number in range(1, SHARDS + 1):
        left = size // SHARDS
        name = f"model-{number:05d}-of-{SHARDS:05d}.safetensors"
        with (model / name).open("wb") as file:
            while left > 0:
                left -= file.write(os.urandom(min(left, _PIECE)))
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    (model / "config.json").write_text(json.dumps(config))
    _write_tokenizer(model)
    (folder / "MODEL_CARD.md").write_text("# Random bytes\n")
    (folder / "references.json").write_text(json.dumps({"dataset": "d" * 64}))


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "a"])}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unk>")),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"
    tokenizer.save_pretrained(folder)
