"""Decoding through transformers' own forward, for the models that the engine cannot do.

A batch at a time; a row leaves its batch when it ends, so no row waits for the longest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tasks.models.decoding.operations import log_probabilities
from tasks.models.prompts import Prompt

if TYPE_CHECKING:
    import torch


def answer_batches(
    model: Any,
    prompts: Sequence[Prompt],
    ends: frozenset[int],
    batch_size: int,
    progress: Callable[[int], None],
) -> None:
    """Fill in every prompt's answer; `progress` hears how many are done."""
    ordered = sorted(prompts, key=lambda p: (p.budget, len(p.ids), p.eval_set, p.case_id))
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        _answer_batch(model, batch, ends, pad=min(ends))
        progress(start + len(batch))


def _answer_batch(model: Any, batch: list[Prompt], ends: frozenset[int], pad: int) -> None:
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
            likely = log_probabilities(logits, chosen)
            said = zip(rows, chosen.tolist(), likely.tolist(), strict=True)
            alive = [_goes_on(row, token, log, ends) for row, token, log in said]
            keep = torch.tensor([i for i, goes in enumerate(alive) if goes], device=ids.device)
            rows = [row for row, goes in zip(rows, alive, strict=True) if goes]
            if not rows:
                return
            ids, position = chosen[:, None], position[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
            if len(rows) < len(alive):
                ids, mask, position = ids[keep], mask[keep], position[keep]
                cache.batch_select_indices(keep)


def _goes_on(row: Prompt, token: int, likely: float, ends: frozenset[int]) -> bool:
    row.log_probability = (row.log_probability or 0.0) + likely
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
