"""A Llama's weights as a GGUF file has them: other names, q and k turned, rounded, one by one.

llama.cpp turns pairs of neighbours where transformers turns halves, so the rows of q and k are laid
out anew. Needs the folder of a model, read a tensor at a time. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from tasks.exporting.errors import AS_IT_IS, cannot

Quantize = Literal["f16", "bf16", "q8_0", "q6_k", "q5_0", "q4_k", "q4_0"]
Kind = Literal["f32", "f16", "bf16", "q8_0", "q6_k", "q5_0", "q4_k", "q4_0"]
QUANTIZED: tuple[Quantize, ...] = get_args(Quantize)
FEW_BITS: tuple[Quantize, ...] = ("q6_k", "q5_0", "q4_k", "q4_0")
K_QUANTS = ("q6_k", "q4_k")  # below eight: what is lost may be heard
BLOCK = 32  # neighbours in a row that share a scale in Q8_0, Q5_0 and Q4_0
K_BLOCK = 256  # neighbours of a K-quant's blocks of blocks
ENDS = ("token_embd.weight", "output.weight")
_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")
_COMPUTED = re.compile(r".*rotary_emb\.inv_freq")


class Tensor(NamedTuple):
    """A weight: where it lies, what it is called in a GGUF file, its shape, how it is kept there.

    `heads` is how many heads its rows are turned by; 0: not at all. `kind` is `f32` where rounding
    is not for it.
    """

    source: str
    file: Path
    name: str
    shape: tuple[int, ...]
    kind: Kind
    heads: int


def list_tensors(folder: Path, config: Any, quantize: Quantize) -> list[Tensor]:
    """Return the weights of a model in the order of its layers; InputError for one too many."""
    found: list[Tensor] = []
    for source, (file, shape) in _shapes(folder).items():
        if _COMPUTED.fullmatch(source) or (
            source == "lm_head.weight" and config.tie_word_embeddings
        ):
            continue
        name = _name(source)
        if name is None:
            raise cannot(f"it has weights that no Llama has: {source[:80]}", AS_IT_IS)
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
        turned = heads.get(name.split(".")[-2], 0)
        found.append(Tensor(source, file, name, shape, _kept(name, shape, quantize), turned))
    if quantize in K_QUANTS and not any(tensor.kind == quantize for tensor in found):
        rows = sorted({tensor.shape[-1] for tensor in found if len(tensor.shape) > 1})
        raise cannot(
            f"its rows ({', '.join(map(str, rows))} numbers) fill no blocks of {K_BLOCK}, which "
            f"{quantize} needs",
            "keep weights as q5_0, q4_0 or q8_0",
        )
    due = _due(config) - {tensor.name for tensor in found}
    if due:
        raise cannot(f"weights are missing: {', '.join(sorted(due)[:3])}", AS_IT_IS)
    return sorted(found, key=lambda tensor: _order(tensor.name))


def read_tensor(tensor: Tensor) -> Any:
    """Return a weight as a float32 array, turned where that is due.

    InputError if a number in it is none, or too large for how it is kept.
    """
    import numpy as np
    from safetensors import safe_open

    with safe_open(tensor.file, framework="pt") as file:
        values = file.get_tensor(tensor.source).float().numpy()
    largest = float(np.finfo(np.float16).max)
    if not np.isfinite(values).all():
        raise cannot(f"the weight {tensor.source} holds what is no number", AS_IT_IS)
    if tensor.kind == "f16" and np.abs(values).max(initial=0) > largest:
        raise cannot(
            f"the weight {tensor.source} holds numbers beyond {largest:g}, which f16 has not",
            "write it with --quantize bf16 or q8_0",
        )
    return _turned(values, tensor.heads) if tensor.heads else values


def _turned(values: Any, heads: int) -> Any:
    """Lay out rows head by head: halves beside each other become neighbours, pair by pair."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _kept(name: str, shape: tuple[int, ...], quantize: Quantize) -> Kind:
    """Return how a weight is kept: vectors as they are; rows that fill no blocks in half.

    Embeddings and the output, where what is lost is heard most, keep eight bits at the least.
    """
    if len(shape) < 2:
        return "f32"
    if quantize in ("f16", "bf16"):
        return quantize
    if shape[-1] % BLOCK:
        return "f16"
    if name in ENDS or (quantize in K_QUANTS and shape[-1] % K_BLOCK):
        return "q8_0"
    return quantize


def _name(source: str) -> str | None:
    if source in _WHOLE:
        return _WHOLE[source]
    parts = _LAYER.fullmatch(source)
    if parts is None or parts[2] not in _IN_LAYER:
        return None
    return f"blk.{parts[1]}.{_IN_LAYER[parts[2]]}.{parts[3]}"


def _due(config: Any) -> set[str]:
    names = {"token_embd.weight", "output_norm.weight"}
    if not config.tie_word_embeddings:
        names.add("output.weight")
    layers = range(config.num_hidden_layers)
    return names | {f"blk.{n}.{part}.weight" for n in layers for part in _IN_LAYER.values()}


def _order(name: str) -> tuple[int, str]:
    layer = name.split(".")[1]
    return (int(layer) if layer.isdigit() else -1, name)


def _shapes(folder: Path) -> Mapping[str, tuple[Path, tuple[int, ...]]]:
    return {name: (path, shape) for path in _files(folder) for name, shape in _headers(path)}


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _headers(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 -- it is no dictionary
            yield name, tuple(file.get_slice(name).get_shape())
