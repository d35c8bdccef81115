"""The measurements by name: what is trained, by whom, and how long; each runs in a process."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tests.benchmarks.finetuning import checks, float8, objective_peers, ours, peers

Measurement = Callable[[Any], dict[str, Any]]
FULL = {"method": "full"}
GPU: dict[str, tuple[Any, dict[str, Any]]] = {
    "what must hold": (checks, {"shape": "small"}),
    "1B full, packed 16,384": (ours, {"shape": "1b", "max_seq_length": 16_384, **FULL}),
    "1B full, TRL packing 16,384, Liger, our attention": (
        peers,
        {
            "shape": "1b",
            "packed": True,
            "length": 16_384,
            "batch": 1,
            "liger": True,
            "varlen": True,
            "gradient_checkpointing": False,
            "steps": 30,
        },
    ),
    "8B LoRA r=16, packed 8,192": (
        ours,
        {"shape": "8b", "max_seq_length": 8192, "method": "lora", "lora_r": 16, "most_steps": 30},
    ),
    "1B full, packed 32,768 as 2 rows": (
        ours,
        {
            "shape": "1b",
            "max_seq_length": 16_384,
            "per_device_train_batch_size": 2,
            "most_steps": 30,
            **FULL,
        },
    ),
    "1B full, packed 65,536 as 4 rows, as many a pass as fit": (
        ours,
        {
            "shape": "1b",
            "max_seq_length": 16_384,
            "per_device_train_batch_size": 4,
            "auto_batch": True,
            "most_steps": 20,
            **FULL,
        },
    ),
    "1B full, TRL packing bfd 4 x 4,096, sdpa, Liger": (
        peers,
        {"shape": "1b", "packed": True, "length": 4096, "batch": 4, "liger": True, "steps": 14},
    ),
    "1B full, TRL batch 8 padded, sdpa, checkpointing": (
        peers,
        {"shape": "1b", "packed": False, "length": 4096, "batch": 8, "steps": 14},
    ),
    "1B full, packed 16,384, optimizer in bf16": (
        ours,
        {"shape": "1b", "max_seq_length": 16_384, "optimizer_precision": "bf16", **FULL},
    ),
    "1B full, packed 16,384, plain kernels": (
        ours,
        {"shape": "1b", "max_seq_length": 16_384, "kernels": "plain", **FULL},
    ),
}
WIDE = {"shape": "8b-8", "max_seq_length": 8192, "most_steps": 24, **FULL}
LONG = {"shape": "1b", "max_seq_length": 16_384, "most_steps": 24, **FULL}
FLOAT8: dict[str, tuple[Any, dict[str, Any]]] = {
    "1B full, compiled, bf16": (float8, LONG),
    "1B full, compiled, float8 by tensor": (float8, {**LONG, "float8": "tensorwise"}),
    "1B full, compiled, float8 by row": (float8, {**LONG, "float8": "rowwise"}),
    "1B full, our layers, bf16": (ours, LONG),
    "8 layers of 8B, full, compiled, bf16": (float8, WIDE),
    "8 layers of 8B, full, compiled, float8 by tensor": (float8, {**WIDE, "float8": "tensorwise"}),
    "8 layers of 8B, full, our layers, bf16": (ours, WIDE),
}
SMALL = {"shape": "135m", "mean": 120, "longest": 512}
CPU: dict[str, tuple[Any, dict[str, Any]]] = {
    "135M LoRA, packed 512": (
        ours,
        {**SMALL, "max_seq_length": 512, "method": "lora", "lora_r": 32, "most_steps": 24},
    ),
    "135M LoRA, TRL packing bfd 512": (
        peers,
        {**SMALL, "packed": True, "length": 512, "batch": 1, "lora": 32, "steps": 16}
        | {"gradient_checkpointing": False},
    ),
    "135M LoRA, TRL batch 4, no packing": (
        peers,
        {**SMALL, "packed": False, "length": 512, "batch": 4, "lora": 32, "steps": 16}
        | {"gradient_checkpointing": False},
    ),
}

EIGHT = {"shape": "8b", "max_seq_length": 8192, "lora_r": 16, "most_steps": 24, "profile": True}
DPO = {**EIGHT, "method": "lora", "objective": "dpo", "planned": 1}
QLORA = {**EIGHT, "method": "qlora"}
DISTILL = {
    "shape": "1b",
    "max_seq_length": 16_384,
    "most_steps": 24,
    "planned": 1,
    "profile": True,
    **FULL,
}

PAIRS = {"shape": "8b", "objective": "dpo", "lora": 16}
FOUR_BITS = {"shape": "8b", "quantized": True, "lora": 16, "length": 4096}
TAUGHT = {"shape": "1b", "objective": "distill", "teacher": "8b"}
OBJECTIVES: dict[str, tuple[Any, dict[str, Any]]] = {
    "8B LoRA DPO, packed 8,192": (ours, DPO),
    "TRL: 8B LoRA DPO, 8 pairs padded, checkpointing": (
        objective_peers,
        {**PAIRS, "batch": 8, "steps": 9},
    ),
    "TRL: 8B LoRA DPO, 2 pairs padded, Liger": (
        objective_peers,
        {**PAIRS, "batch": 2, "steps": 20}
        | {"use_liger_kernel": True, "gradient_checkpointing": False},
    ),
    "8B QLoRA, packed 8,192": (ours, QLORA),
    "TRL: 8B QLoRA, batch 8 padded, checkpointing": (
        peers,
        {**FOUR_BITS, "packed": False, "batch": 8, "steps": 12},
    ),
    "TRL: 8B QLoRA, packing bfd 2 x 4,096, Liger": (
        peers,
        {**FOUR_BITS, "packed": True, "batch": 2, "liger": True, "steps": 12}
        | {"gradient_checkpointing": False},
    ),
    "8B to 1B distillation, packed 16,384": (
        ours,
        {**DISTILL, "objective": "distill", "teacher": "8b"},
    ),
    "TRL: 8B to 1B distillation, batch 4 padded, checkpointing": (
        objective_peers,
        {**TAUGHT, "batch": 4, "steps": 14},
    ),
    "TRL: 8B to 1B distillation, batch 2 padded, Liger": (
        objective_peers,
        {**TAUGHT, "batch": 2, "steps": 20}
        | {"use_liger_kernel": True, "gradient_checkpointing": False},
    ),
}

GROUPS = {"gpu": GPU, "float8": FLOAT8, "cpu": CPU, "objectives": OBJECTIVES}


def tiny(what: tuple[Any, dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
    """Return a measurement's dry run: the same code over a tiny model."""
    who, settings = what
    if who is checks:
        return who, {"shape": "tiny"}
    small = {**settings, "shape": "tiny", "mean": 60, "longest": 256}
    if "teacher" in settings:
        small["teacher"] = "tiny"
    small.pop("profile", None)  # of a GPU
    if who is objective_peers:
        return who, {**small, "use_liger_kernel": False, "batch": 2, "steps": 8}
    if who is peers:
        return who, {**small, "liger": False, "length": 256, "steps": 8}
    return who, {**small, "max_seq_length": 256, "most_steps": 20}


def main(arguments: list[str]) -> int:
    """Do one measurement when told to on standard input, and print it as a line of JSON."""
    import torch
    import transformers

    name, group, is_tiny, seconds = json.loads(arguments[0])
    who, settings = GROUPS[group][name]
    if is_tiny:
        who, settings = tiny((who, settings))
    if who in (peers, objective_peers):
        import datasets
        import trl  # pyright: ignore[reportMissingImports]

        _ = datasets.__version__, trl.SFTTrainer, trl.SFTConfig
    else:
        import peft

        _ = peft.get_peft_model
    _ = transformers.LlamaForCausalLM
    sys.stdin.readline()  # the measurement before this one has ended
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    timing = {"warmup": 5} if who in (peers, objective_peers) else {"seconds": seconds, "warmup": 5}
    try:
        result = who.measure(device=device, **timing, **settings)
    except Exception as error:
        traceback.print_exc()
        result = {"error": f"{type(error).__name__}: {error}"[:600]}
    print("\nRESULT " + json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
