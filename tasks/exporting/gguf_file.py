"""Writes a Llama as one GGUF file that llama.cpp and Ollama load: the one user of `gguf`'s writer.

Needs the folder of a model as `load_outline` takes it. Everything that may refuse is asked before
the file is begun; weights then pass through memory one at a time. Writes the file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from tasks.exporting.errors import AS_IT_IS, cannot
from tasks.exporting.quantizing import quantized
from tasks.exporting.vocabulary import Vocabulary, read_vocabulary
from tasks.exporting.weights import Quantize, Tensor, list_tensors, read_tensor
from tasks.models.loading import load_outline

ARCHITECTURE = "llama"  # Mistral's is the same there
_FILE_TYPES = {"f16": 1, "q4_0": 2, "q8_0": 7, "q5_0": 8, "q4_k": 14, "q6_k": 18, "bf16": 32}
_ROPE_KEYS = {
    "default": set[str](),
    "linear": {"factor"},
    "llama3": {
        "factor",
        "low_freq_factor",
        "high_freq_factor",
        "original_max_position_embeddings",
    },
    "yarn": {"factor", "original_max_position_embeddings"},
}


class Planned(NamedTuple):
    """A file that can be written: all of it but the numbers of its weights."""

    config: Any
    vocabulary: Vocabulary
    tensors: list[Tensor]
    quantize: Quantize
    chat_template: str

    @property
    def context(self) -> int:
        """Return how many tokens it reads; within a sliding window all attention is the same."""
        window = getattr(self.config, "sliding_window", None)
        longest = int(self.config.max_position_embeddings)
        return min(longest, int(window)) if window else longest


def plan_gguf(folder: Path, quantize: Quantize) -> Planned:
    """Return what is to be written of a model; InputError says what of it no GGUF file can say."""
    outline, tokenizer = load_outline(folder)
    config = outline.config
    if config.hidden_act != "silu":
        raise cannot(f"its activation is {config.hidden_act}, and a Llama's is silu", AS_IT_IS)
    _rope(config)
    vocabulary = read_vocabulary(tokenizer, outline.generation_config, int(config.vocab_size))
    tensors = list_tensors(folder, config, quantize)
    template = str(tokenizer.chat_template)
    return Planned(config, vocabulary, tensors, quantize, template)


def write_gguf(planned: Planned, path: Path, name: str) -> None:
    """Write the file; `name` is what the model is called in it."""
    import gguf

    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    _say_what_it_is(writer, planned, name)
    _say_its_tokens(writer, planned.vocabulary, planned.chat_template)
    factors = _rope_factors(planned.config)
    if factors is not None:
        writer.add_tensor_info("rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes)
    for tensor in planned.tensors:
        _announce(writer, tensor)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if factors is not None:
            writer.write_tensor_data(factors)
        for tensor in planned.tensors:
            writer.write_tensor_data(quantized(read_tensor(tensor), tensor.kind))
    finally:
        writer.close()


def _announce(writer: Any, tensor: Tensor) -> None:
    import gguf
    import numpy as np

    kind = gguf.GGMLQuantizationType[tensor.kind.upper()]
    if tensor.kind in ("f32", "f16"):
        size = math.prod(tensor.shape) * (4 if tensor.kind == "f32" else 2)
        dtype = np.dtype("float32" if tensor.kind == "f32" else "float16")
        writer.add_tensor_info(tensor.name, tensor.shape, dtype, size)
        return
    shape = gguf.quant_shape_to_byte_shape(tensor.shape, kind)
    writer.add_tensor_info(tensor.name, shape, np.dtype("uint8"), math.prod(shape), raw_dtype=kind)


def _say_what_it_is(writer: Any, planned: Planned, name: str) -> None:
    config = planned.config
    writer.add_name(name)
    writer.add_file_type(_FILE_TYPES[planned.quantize])
    writer.add_quantization_version(2)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(planned.context)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head(config))
    writer.add_value_length(_head(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(_head(config))
    rope = _rope(config)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope["rope_type"] in ("linear", "yarn"):
        import gguf

        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))


def _say_its_tokens(writer: Any, vocabulary: Vocabulary, template: str) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    for name, number in vocabulary.special.items():
        getattr(writer, f"add_{name}_token_id")(number)
    for name, number in zip(("eos", "eot", "eom"), vocabulary.ends, strict=False):
        getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(vocabulary.add_bos)
    writer.add_add_eos_token(False)
    if vocabulary.add_space_prefix is not None:
        writer.add_add_space_prefix(vocabulary.add_space_prefix)
    writer.add_chat_template(template)


def _head(config: Any) -> int:
    """Return how long a head's vectors are."""
    return int(config.head_dim or config.hidden_size // config.num_attention_heads)


def _rope(config: Any) -> dict[str, Any]:
    """Return how positions turn; InputError for a way that a GGUF file has no words for."""
    rope = {"rope_type": "default", **(config.rope_parameters or {})}
    given = {key for key, value in rope.items() if value is not None}
    known = _ROPE_KEYS.get(rope["rope_type"])
    if known is None or known - given or given - known - {"rope_type", "rope_theta", "type"}:
        raise cannot(
            f"its positions are scaled in a way ({rope['rope_type']}: {', '.join(sorted(given))}) "
            "that no GGUF file says",
            AS_IT_IS,
            "config.json",
        )
    return rope


def _rope_factors(config: Any) -> Any:
    """Return by what each frequency is divided in Llama 3.1's way, or None.

    As `_compute_llama3_parameters` of transformers does it.
    """
    import numpy as np

    rope = _rope(config)
    if rope["rope_type"] != "llama3":
        return None
    factor, low, high = (rope[key] for key in ("factor", "low_freq_factor", "high_freq_factor"))
    length = rope["original_max_position_embeddings"]
    size = _head(config)
    wave = 2 * math.pi * float(rope["rope_theta"]) ** (np.arange(0, size, 2) / size)
    smooth = (length / wave - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    factors = np.where(wave < length / high, 1.0, np.where(wave > length / low, factor, between))
    return factors.astype(np.float32)
