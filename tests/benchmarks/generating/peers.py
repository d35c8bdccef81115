"""The peer: transformers' `generate` over the same model and prompts, greedy, without an end."""

from __future__ import annotations

import time
from typing import Any


def measure(
    model: Any, prompts: list[list[int]], new_tokens: int, batch: int, seconds: float
) -> dict[str, Any]:
    """Generate for whole batches until some seconds are over; return tokens/s."""
    import torch

    device = model.device
    _generate(model, torch.tensor(prompts[:batch], device=device), 4)
    wait(device)
    began, made, rounds = time.perf_counter(), 0, 0
    while time.perf_counter() - began < seconds:
        at = (rounds * batch) % (len(prompts) - batch + 1)
        ids = torch.tensor(prompts[at : at + batch], device=device)
        made += _generate(model, ids, new_tokens).numel()
        wait(device)
        rounds += 1
    spent = time.perf_counter() - began
    return {"tokens_per_second": made / spent, "seconds": spent, "batches": rounds}


def greedy(model: Any, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    """Return what `generate` answers to prompts of one length."""
    import torch

    ids = torch.tensor(prompts, device=model.device)
    return _generate(model, ids, new_tokens).tolist()


def _generate(model: Any, ids: Any, new_tokens: int) -> Any:
    import torch

    with torch.inference_mode():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            min_new_tokens=None,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
    return out[:, ids.shape[1] :]


def wait(device: Any) -> None:
    """Wait for all the work given to a GPU."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()
