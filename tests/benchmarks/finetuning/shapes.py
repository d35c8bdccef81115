"""Models by their shape, with random weights, and documents of random tokens in real lengths."""

from __future__ import annotations

import math
import random
from typing import Any

from tasks.finetuning.tokenizing import Example

LONGEST = 4096
SHAPES: dict[str, dict[str, Any]] = {
    "1b": {  # Llama-3.2-1B
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "tie_word_embeddings": True,
    },
    "8b": {  # Llama-3.1-8B
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "tie_word_embeddings": False,
    },
    "8b-8": {  # the width of Llama-3.1-8B, of whose weights a GPU could not train all
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 8,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "tie_word_embeddings": False,
    },
    "135m": {  # SmolLM2-135M
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49_152,
        "tie_word_embeddings": True,
    },
    "small": {
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "vocab_size": 32_000,
        "tie_word_embeddings": True,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
        "tie_word_embeddings": True,
    },
}


def build(shape: str, device: Any, dtype: Any) -> Any:
    """Return a LlamaForCausalLM of a shape with random weights on a device."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    ends: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = LlamaConfig(**SHAPES[shape], **ends, max_position_embeddings=16_384)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)


def lengths(tokens: int, longest: int = LONGEST, mean: float = 400, seed: int = 3) -> list[int]:
    """Draw log-normal lengths (sigma 0.8), cut at `longest`, until they hold `tokens` tokens."""
    rng = random.Random(seed)
    drawn: list[int] = []
    total = 0
    while total < tokens:
        length = round(rng.lognormvariate(math.log(mean) - 0.8**2 / 2, 0.8))
        drawn.append(min(longest, max(8, length)))
        total += drawn[-1]
    return drawn


def documents(sizes: list[int], vocabulary: int, seed: int = 4) -> list[Example]:
    """Return documents of random tokens, all of them targets."""
    rng = random.Random(seed)
    return [
        Example.of(str(number), rng.choices(range(3, vocabulary), k=size), [True] * size)
        for number, size in enumerate(sizes)
    ]
