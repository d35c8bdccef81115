"""Our decoding through the entry that the evaluation uses, and its step by itself."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from tasks.models.decoding.decoder import build_engine
from tasks.models.decoding.engine import Engine
from tasks.models.decoding.passes import Admitted
from tasks.models.prompts import Prompt
from tasks.models.respondents import answer_prompts
from tests.benchmarks.generating.peers import wait


def answer(
    model: Any, prompts: list[list[int]], new_tokens: int, batch: int, adapter: Any = None
) -> tuple[list[list[int]], str]:
    """Return every prompt's answer, and what computed it; no answer ends before its budget."""
    asked = [Prompt("bench", f"{i:06}", ids, new_tokens) for i, ids in enumerate(prompts)]
    # One past the vocabulary: an end token that no model says.
    tokenizer = SimpleNamespace(eos_token_id=model.config.vocab_size, name_or_path="none")
    before = model.generation_config.eos_token_id
    model.generation_config.eos_token_id = None
    try:
        engine = answer_prompts(model, tokenizer, asked, batch_size=batch, adapter=adapter)
    finally:
        model.generation_config.eos_token_id = before
    return [one.answer for one in asked], engine


def measure(
    model: Any, prompts: list[list[int]], new_tokens: int, batch: int, adapter: Any = None
) -> dict[str, Any]:
    """Answer all prompts, twice: the first time compiles. Prefill and preparation count."""
    began = time.perf_counter()
    answer(model, prompts[: 2 * batch], new_tokens, batch, adapter)
    first = time.perf_counter() - began
    wait(model.device)
    began = time.perf_counter()
    answers, engine = answer(model, prompts, new_tokens, batch, adapter)
    spent = time.perf_counter() - began
    made = sum(len(one) for one in answers)
    assert made == len(prompts) * new_tokens
    return {
        "tokens_per_second": made / spent,
        "seconds": spent,
        "first_seconds": first,
        "prompts": len(prompts),
        "engine": engine,
        "answers": answers,
    }


def parts(
    model: Any, prompts: list[list[int]], new_tokens: int, batch: int, steps: int = 40
) -> dict[str, float]:
    """Return the seconds of preparation, of a full prefill and of one step half way."""
    import torch

    device = model.device
    with torch.inference_mode():
        began = time.perf_counter()
        engine = filled(model, prompts[:batch], new_tokens, prefill=False)
        wait(device)
        built = time.perf_counter() - began
        prefills: list[float] = []
        for _ in range(2):
            began = time.perf_counter()
            engine.admit(_admitted(prompts[:batch], new_tokens))
            wait(device)
            prefills.append(time.perf_counter() - began)
        engine.choose_rows(list(range(batch)))
        began = time.perf_counter()
        engine.step(1)
        wait(device)
        captured = time.perf_counter() - began
        engine.step(max(1, (new_tokens - steps) // 2))
        wait(device)
        began = time.perf_counter()
        engine.step(steps)
        wait(device)
        step = (time.perf_counter() - began) / steps
    return {"build": built, "prefill": prefills[-1], "first_step": captured, "step": step}


def filled(
    model: Any, prompts: list[list[int]], new_tokens: int, *, prefill: bool = True
) -> Engine:
    """Return an engine with a slot for each prompt."""
    asked = [Prompt("bench", str(i), ids, new_tokens) for i, ids in enumerate(prompts)]
    longest = max(len(ids) for ids in prompts) + new_tokens
    ends = frozenset({model.config.vocab_size})
    engine = build_engine(model, asked, ends, len(asked), longest)
    if prefill:
        engine.admit(_admitted(prompts, new_tokens))
        engine.choose_rows(list(range(len(prompts))))
    return engine


def _admitted(prompts: list[list[int]], new_tokens: int) -> list[Admitted]:
    return [Admitted(i, i, ids, new_tokens) for i, ids in enumerate(prompts)]


def profile(model: Any, prompts: list[list[int]], new_tokens: int) -> list[str]:
    """Return lines on the 15 kernels that take most of a step's time, and of a prefill's."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    lines: list[str] = []
    with torch.inference_mode():
        engine = filled(model, prompts, new_tokens)
        engine.step(2)
        for name, work, times in (
            ("a step", lambda: engine.step(10), 10),
            ("a prefill", lambda: engine.admit(_admitted(prompts, new_tokens)), 1),
        ):
            wait(model.device)
            with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
                work()
                wait(model.device)
            found = [e for e in seen.key_averages() if str(e.device_type).endswith("CUDA")]
            found.sort(key=_device_time, reverse=True)
            total = sum(e.self_device_time_total for e in found) / times
            lines.append(f"{name} of {len(prompts)}: {total / 1000:.3f} ms in kernels")
            for e in found[:15]:
                micros, count = e.self_device_time_total / times, e.count / times
                lines.append(
                    f"  {micros:9.1f} us {count:6.1f} x {micros / count:7.2f}  {e.key[:88]}"
                )
    return lines


def _device_time(event: Any) -> float:
    return event.self_device_time_total
