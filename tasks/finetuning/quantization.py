"""QLoRA: the base's linear layers in 4 bits (NF4) under adapters (Dettmers et al. 2023).

Each 64 weights share a scale, kept in 8 bits (double quantization): 0.516 bytes a weight in all.
Embeddings, norms and head stay as they are. bitsandbytes (MIT) computes it, on a GPU or a CPU; it
takes seconds to import, hence within functions.
"""

from __future__ import annotations

from typing import Any


def quantize(model: Any, device: Any) -> Any:
    """Put a model, which is on the CPU, on a device with its decoder's linear layers in 4 bits.

    Layer by layer, so that the device never holds the weights whole.
    """
    import torch

    decoder = model.get_decoder()
    layers = [name for name, one in decoder.named_modules() if type(one) is torch.nn.Linear]
    for name in layers:
        parent, _, own = name.rpartition(".")
        holder = decoder.get_submodule(parent)
        setattr(holder, own, _quantized(getattr(holder, own), device))
    return model.to(device).eval()


def _quantized(layer: Any, device: Any) -> Any:
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    shape = layer.in_features, layer.out_features
    made: Any = Linear4bit(
        *shape, bias=layer.bias is not None, compute_dtype=layer.weight.dtype, device="meta"
    )
    quantizing: Any = Params4bit
    made.weight = quantizing(layer.weight.data, requires_grad=False, quant_type="nf4", module=made)
    made.bias = layer.bias
    # Its kernel for CPUs would lay the weights out anew in mid-run, at the first evaluation.
    made.support_avx512bf16_for_cpu = False
    return made.to(device)


def merge(model: Any) -> Any:
    """Return peft's model as a plain one in float32, its adapters added to their base's weights.

    What was quantized becomes the values it computed with. In float32, since adding a small
    product to weights in bf16 would round it away, and peft would round it to 4 bits again.
    """
    import torch
    from peft.tuners.lora import LoraLayer

    base = model.get_base_model()
    for name, layer in list(base.named_modules()):
        if isinstance(layer, LoraLayer) and is_quantized(layer.get_base_layer()):
            quantized: Any = layer.get_base_layer()
            weight = dequantized(quantized.weight).float()
            plain = torch.nn.Linear(*weight.T.shape, bias=False, device="meta")
            delta = _delta(layer).to(weight.device)
            plain.weight = torch.nn.Parameter(weight + delta, requires_grad=False)
            plain.bias = quantized.bias
            parent, _, own = name.rpartition(".")
            setattr(base.get_submodule(parent), own, plain)
    return model.float().merge_and_unload()


def _delta(layer: Any) -> Any:
    """Return a LoRA layer's product, scaled, in float32 (out, in)."""
    [name] = layer.active_adapters
    product = layer.lora_B[name].weight.float() @ layer.lora_A[name].weight.float()
    return product * layer.scaling[name]


def is_quantized(layer: Any) -> bool:
    """Tell whether a layer's weights are in 4 bits."""
    return getattr(layer.weight, "quant_state", None) is not None


def dequantized(weight: Any) -> Any:
    """Return 4-bit weights (out, in) as what they compute as, in the precision of the model."""
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, weight.quant_state)


def count(parameter: Any) -> int:
    """Return how many weights a parameter holds, of which two may share a byte."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else state.shape.numel()


def stored_bytes(parameter: Any) -> int:
    """Return the bytes of a parameter, with the scales of one in 4 bits."""
    size = parameter.numel() * parameter.element_size()
    state = getattr(parameter, "quant_state", None)
    while state is not None:
        size += state.absmax.numel() * state.absmax.element_size()
        state = getattr(state, "state2", None)
    return size
