"""A model's answers to the cases of eval sets: its own stage output, reused by later comparisons.

Needs a model folder and eval sets. Writes answers.parquet (eval_set, case_id, answer, tokens,
truncated) and answers.json (how they were made). Decoding is greedy: an answer depends on the
model and the prompt, not on luck; what is left is rounding, which in bfloat16 may differ between
batch sizes and processors, so both are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import InputError
from model_registry.loading import Precision, load_model
from tasks.evaluation.tables import write_json, write_rows

if TYPE_CHECKING:
    import torch

    from eval_sets.types import EvalSet

STEP = "evaluate"
Progress = Callable[[int, int | None], None]


@dataclass
class Prompt:
    """A rendered prompt, and the answer's token ids as they come."""

    eval_set: str
    case_id: str
    ids: list[int]
    budget: int
    answer: list[int] = field(default_factory=list[int])
    truncated: bool = True


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
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Answer every case of the sets, write the answers into `out`, and return the counts.

    `progress(done, total)` counts cases. `seed` changes nothing while decoding is greedy; it is
    set and recorded so that nothing else in the process can.
    """
    import torch

    torch.manual_seed(seed)
    model, tokenizer = load_model(model_folder, device=device, dtype=dtype)
    prompts = render_prompts(sets, tokenizer, int(model.config.max_position_embeddings))
    answer_prompts(model, tokenizer, prompts, batch_size=batch_size, progress=progress)
    write_rows(out / "answers.parquet", [_row(prompt, tokenizer) for prompt in prompts])
    meta = {
        "decoding": "greedy",
        "seed": seed,
        "batch_size": batch_size,
        "device": device,
        "dtype": dtype,
        "eval_sets": {s.name: {"version": s.version, "digest": s.digest} for s in sets},
    }
    write_json(out / "answers.json", meta)
    return {
        "answers": len(prompts),
        "tokens": sum(len(prompt.answer) for prompt in prompts),
        "truncated": sum(prompt.truncated for prompt in prompts),
    }


def render_prompts(sets: Sequence[EvalSet], tokenizer: Any, context: int) -> list[Prompt]:
    """Turn every case into token ids; InputError for one that does not fit the model's context."""
    prompts: list[Prompt] = []
    for eval_set in sets:
        for case in eval_set.cases:
            turns = [message.model_dump() for message in case.messages]
            text = render_turns(turns, tokenizer, f"{eval_set.name}/{case.id}")
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(ids) + case.max_new_tokens > context:
                raise InputError(
                    f"the prompt has {len(ids)} tokens; with its answer it is longer than the"
                    f" model's context of {context}",
                    step=STEP,
                    where=f"{eval_set.name}/{case.id}",
                    remedy="shorten the case, or take a model with a longer context",
                )
            prompts.append(Prompt(eval_set.name, case.id, ids, case.max_new_tokens))
    return prompts


def render_turns(turns: list[dict[str, Any]], tokenizer: Any, where: str) -> str:
    """Render turns as the text that an answer continues."""
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise InputError(
            "the model's chat template refuses the conversation",
            step=STEP,
            where=where,
            remedy="take a model whose template allows these roles (system, user, assistant)",
        ) from error


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    progress: Progress = lambda done, total: None,
) -> None:
    """Fill in every prompt's answer, in batches of prompts of like length."""
    ends = end_tokens(model, tokenizer)
    ordered = sorted(prompts, key=lambda p: (p.budget, len(p.ids), p.eval_set, p.case_id))
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        _answer_batch(model, batch, ends, pad=min(ends))
        progress(start + len(batch), len(ordered))


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end an answer: the generation config's and the tokenizer's own."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    found = frozenset(int(i) for i in [*ids, tokenizer.eos_token_id] if i is not None)
    if not found:
        raise InputError(
            "the model has no end-of-text token, so no answer would end",
            step=STEP,
            where=str(tokenizer.name_or_path),
            remedy="set eos_token_id in generation_config.json",
        )
    return found


def _answer_batch(model: Any, batch: list[Prompt], ends: frozenset[int], pad: int) -> None:
    """Decode greedily; a row leaves the batch when it ends, so no row waits for the longest."""
    import torch
    from transformers import DynamicCache

    ids, mask = _left_padded(batch, pad, model.device)
    position = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    rows = list(batch)
    with torch.inference_mode():
        while rows:
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            chosen = logits.argmax(-1)
            alive = [
                _goes_on(row, token, ends) for row, token in zip(rows, chosen.tolist(), strict=True)
            ]
            keep = torch.tensor([i for i, goes in enumerate(alive) if goes], device=ids.device)
            rows = [row for row, goes in zip(rows, alive, strict=True) if goes]
            if not rows:
                return
            ids, position = chosen[:, None], position[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
            if len(rows) < len(alive):
                ids, mask, position = ids[keep], mask[keep], position[keep]
                cache.batch_select_indices(keep)


def _goes_on(row: Prompt, token: int, ends: frozenset[int]) -> bool:
    if token in ends:
        row.truncated = False
        return False
    row.answer.append(token)
    return len(row.answer) < row.budget


def _left_padded(
    batch: Sequence[Prompt], pad: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, (rows, longest prompt); padding is on the left, answers go right."""
    import torch

    width = max(len(prompt.ids) for prompt in batch)
    ids = [[pad] * (width - len(p.ids)) + p.ids for p in batch]
    mask = [[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in batch]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _row(prompt: Prompt, tokenizer: Any) -> dict[str, Any]:
    text = tokenizer.decode(prompt.answer, skip_special_tokens=True)
    return {
        "eval_set": prompt.eval_set,
        "case_id": prompt.case_id,
        "answer": text.strip(),
        "tokens": len(prompt.answer),
        "truncated": prompt.truncated,
    }
