"""A model's answers to the cases of eval sets: its own stage output, reused by later comparisons.

Needs a model folder and eval sets. Writes answers.parquet (eval_set, case_id, answer, tokens,
truncated) and answers.json (how they were made). Decoding is greedy: an answer depends on the
model and the prompt, not on luck; what is left is rounding, which in bfloat16 may differ between
batch sizes and processors, so both are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_registry.adapters import Adapter, read_adapter
from model_registry.loading import Precision, load_model
from tasks.evaluation.decoding.decoder import decode
from tasks.evaluation.prompts import Progress, Prompt, end_tokens, render_prompts
from tasks.evaluation.tables import write_json, write_rows

if TYPE_CHECKING:
    from eval_sets.types import EvalSet


def fastest_precision(device: str) -> Precision:
    """Return bfloat16 where the device computes in it, else float32."""
    import torch

    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if device == "cpu" and capable() else "float32"


def generate_answers(
    model_folder: Path,
    sets: Sequence[EvalSet],
    out: Path,
    *,
    seed: int = 0,
    batch_size: int = 64,
    device: str = "cpu",
    dtype: Precision = "float32",
    adapter: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Answer every case of the sets, write the answers into `out`, and return the counts.

    `adapter` is a folder with a LoRA adapter of the model, which is used without merging it.
    `progress(done, total)` counts cases. `seed` changes nothing while decoding is greedy; it is
    set and recorded so that nothing else in the process can.
    """
    import torch

    torch.manual_seed(seed)
    model, tokenizer = load_model(model_folder, device=device, dtype=dtype)
    prompts = render_prompts(sets, tokenizer, int(model.config.max_position_embeddings))
    lora = read_adapter(adapter) if adapter else None
    engine = answer_prompts(
        model, tokenizer, prompts, batch_size=batch_size, adapter=lora, progress=progress
    )
    write_rows(out / "answers.parquet", [_row(prompt, tokenizer) for prompt in prompts])
    meta = {
        "decoding": "greedy",
        "seed": seed,
        "batch_size": batch_size,
        "device": device,
        "dtype": dtype,
        "engine": engine,
        "adapter": lora.digest if lora else None,
        "eval_sets": {s.name: {"version": s.version, "digest": s.digest} for s in sets},
    }
    write_json(out / "answers.json", meta)
    return {
        "answers": len(prompts),
        "tokens": sum(len(prompt.answer) for prompt in prompts),
        "truncated": sum(prompt.truncated for prompt in prompts),
    }


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    adapter: Adapter | None = None,
    progress: Progress = lambda done, total: None,
) -> str:
    """Fill in every prompt's answer; return the name of what computed them.

    `progress(done, total)` hears of every `batch_size` prompts that are done.
    """
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        while told < done and (told + batch_size <= done or done == len(prompts)):
            told = min(told + batch_size, done)
            progress(told, len(prompts))

    ends = end_tokens(model, tokenizer)
    return decode(model, prompts, ends, batch_size=batch_size, adapter=adapter, progress=tell)


def _row(prompt: Prompt, tokenizer: Any) -> dict[str, Any]:
    text = tokenizer.decode(prompt.answer, skip_special_tokens=True)
    return {
        "eval_set": prompt.eval_set,
        "case_id": prompt.case_id,
        "answer": text.strip(),
        "tokens": len(prompt.answer),
        "truncated": prompt.truncated,
    }
