"""Measures TRL's SFTTrainer over the same documents; real tokens are counted, not padding."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

from tasks.finetuning.quantization import quantize
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
    quantized: bool = False,
    longest: int = 4096,
    mean: int = 400,
    dtype: str = "bfloat16",
    **config: Any,
) -> dict[str, Any]:
    """Train some steps; return tokens/s past the warm-up steps."""
    import torch
    from datasets import Dataset
    from transformers import AttentionInterface
    from trl import SFTConfig, SFTTrainer  # pyright: ignore[reportMissingImports]

    model = build(shape, device, getattr(torch, dtype))
    if quantized:
        model = quantize(model, device)
        model.is_loaded_in_4bit = True  # what peft and TRL ask
    if varlen:
        AttentionInterface.register(NAME, varlen_attention)
        model.set_attn_implementation(NAME)
    vocabulary = SHAPES[shape]["vocab_size"]
    sizes = lengths(
        batch * (length if packed else mean * 3) * (steps + 2), min(longest, length), mean
    )
    rows = [list(example.tokens) for example in documents(sizes, vocabulary)]

    def make(given: dict[str, Any], callbacks: list[Any]) -> Any:
        return SFTTrainer(
            model=model,
            args=SFTConfig(**given, max_length=length, packing=packed),
            train_dataset=Dataset.from_dict({"input_ids": rows}),
            processing_class=tokenizer(vocabulary),
            peft_config=adapters(lora) if lora else None,
            callbacks=callbacks,
        )

    own = {"per_device_train_batch_size": batch, "use_liger_kernel": liger, **config}
    return run(make, model, own, steps, warmup, lambda feature: len(feature["input_ids"]))


def run(
    make: Callable[[dict[str, Any], list[Any]], Any],
    model: Any,
    config: dict[str, Any],
    steps: int,
    warmup: int,
    tokens_of: Callable[[dict[str, Any]], int],
) -> dict[str, Any]:
    """Let the trainer that `make(settings, callbacks)` returns train; return its tokens/s.

    `tokens_of` counts a row's, as the collator is given it, without the padding it adds.
    """
    import torch
    from transformers import TrainerCallback

    counted: list[int] = []
    marks: list[float] = []
    on_gpu = model.device.type == "cuda"

    class Timer(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if on_gpu and len(marks) + 1 in (warmup, steps):
                torch.cuda.synchronize()  # only where the time is read
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder,
            "max_steps": steps,
            "bf16": model.dtype == torch.bfloat16 and on_gpu,
            "use_cpu": not on_gpu,
            "learning_rate": 1e-5,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
            "dataloader_num_workers": 0,
            **config,
        }
        trainer = make(settings, [Timer()])
        collate = trainer.data_collator

        def counting(features: list[dict[str, Any]]) -> Any:
            made = collate(features)
            counted.append(sum(map(tokens_of, features)))
            return made

        trainer.data_collator = counting
        trainer.train()
    spent = marks[-1] - marks[warmup - 1]
    tokens = sum(counted[warmup : len(marks)])
    peak = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None
    return {
        "tokens_per_second": tokens / spent,
        "steps": len(marks),
        "seconds_per_step": spent / (len(marks) - warmup),
        "memory_gib": peak,
        "tokens_per_step": tokens / (len(marks) - warmup),
    }


def adapters(rank: int) -> Any:
    """Return the settings of LoRA on all linear layers."""
    from peft import LoraConfig

    return LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def tokenizer(vocabulary: int) -> Any:
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
