"""Measures TRL's SFTTrainer over the same documents; real tokens are counted, not padding."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from tasks.models.attention.packed import NAME, varlen_attention
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths


def measure(
    shape: str,
    device: Any,
    *,
    steps: int,
    warmup: int,
    packed: bool,
    length: int,
    batch: int,
    liger: bool = False,
    varlen: bool = False,
    lora: int = 0,
    longest: int = 4096,
    mean: int = 400,
    dtype: str = "bfloat16",
    **config: Any,
) -> dict[str, Any]:
    """Train some steps; return tokens/s past the warm-up steps."""
    import torch
    from datasets import Dataset
    from transformers import AttentionInterface, TrainerCallback
    from trl import SFTConfig, SFTTrainer  # pyright: ignore[reportMissingImports]

    model = build(shape, device, getattr(torch, dtype))
    if varlen:
        AttentionInterface.register(NAME, varlen_attention)
        model.set_attn_implementation(NAME)
    vocabulary = SHAPES[shape]["vocab_size"]
    sizes = lengths(
        batch * (length if packed else mean * 3) * (steps + 2), min(longest, length), mean
    )
    rows = [list(example.tokens) for example in documents(sizes, vocabulary)]
    counted: list[int] = []
    marks: list[float] = []

    class Timer(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if model.device.type == "cuda" and len(marks) + 1 in (warmup, steps):
                torch.cuda.synchronize()  # only where the time is read
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": batch,
            "max_length": length,
            "max_steps": steps,
            "packing": packed,
            "use_liger_kernel": liger,
            "bf16": dtype == "bfloat16" and model.device.type == "cuda",
            "use_cpu": model.device.type == "cpu",
            "learning_rate": 1e-5,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
            "dataloader_num_workers": 0,
            **config,
        }
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(**settings),
            train_dataset=Dataset.from_dict({"input_ids": rows}),
            processing_class=_tokenizer(vocabulary),
            peft_config=_adapters(lora) if lora else None,
            callbacks=[Timer()],
        )
        collate = trainer.data_collator

        def counting(features: list[dict[str, Any]]) -> Any:
            made = collate(features)
            counted.append(sum(len(feature["input_ids"]) for feature in features))
            return made

        trainer.data_collator = counting
        trainer.train()
    spent = marks[-1] - marks[warmup - 1]
    tokens = sum(counted[warmup : len(marks)])
    peak = torch.cuda.max_memory_allocated() / 2**30 if model.device.type == "cuda" else None
    return {
        "tokens_per_second": tokens / spent,
        "steps": len(marks),
        "seconds_per_step": spent / (len(marks) - warmup),
        "memory_gib": peak,
        "tokens_per_step": tokens / (len(marks) - warmup),
    }


def _adapters(rank: int) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _tokenizer(vocabulary: int) -> Any:
    """Return a tokenizer that knows the special tokens; nothing is tokenized."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"w{n}": n for n in range(3, min(vocabulary, 600))}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<pad>")),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
    )
