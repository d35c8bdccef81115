"""Answers prompts with what suits the model and its device; fills in each prompt's answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from data_contracts.errors import InputError
from tasks.models.adapters import Adapter, attached
from tasks.models.decoding.engine import Engine
from tasks.models.decoding.library import answer_batches
from tasks.models.decoding.operations import Operations, Plain
from tasks.models.decoding.packing import pack
from tasks.models.decoding.processor import ProcessorEngine
from tasks.models.decoding.schedule import Schedule
from tasks.models.decoding.starts import common_starts
from tasks.models.decoding.weights import Weights, obstacle, take_weights
from tasks.models.prompts import STEP, Prompt

MEMORY_SHARE = {"cuda": 0.85, "cpu": 0.4}  # of what is free, for the cache


def decode(
    model: Any,
    prompts: Sequence[Prompt],
    ends: frozenset[int],
    *,
    batch_size: int,
    adapter: Adapter | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> str:
    """Fill in every prompt's answer and return the name of what computed them.

    InputError for an adapter that does not fit the model.
    """
    import torch

    longest = max((len(p.ids) + p.budget for p in prompts), default=1)
    if obstacle(model, longest):
        with attached(model, adapter):
            answer_batches(model, prompts, ends, batch_size, progress)
        return "transformers"
    # The longest first: what takes many steps must not begin last.
    ordered = sorted(prompts, key=lambda p: (-p.budget, -len(p.ids), p.eval_set, p.case_id))
    with torch.inference_mode():
        engine = build_engine(model, ordered, ends, batch_size, longest, adapter)
        Schedule(engine, [(p.ids, p.budget) for p in ordered], progress).run()
        _take(engine, ordered)
    return engine.name


def seconds_alone(
    model: Any, prompts: Sequence[Prompt], ends: frozenset[int], adapter: Adapter | None = None
) -> tuple[list[float], str]:
    """Answer prompts one after another, each alone; return each one's seconds and the engine.

    What is prepared once for all is not counted, and nothing that was read of one is used for the
    next. A GPU is waited for at every token, as one is that streams them.
    """
    import torch

    longest = max((len(p.ids) + p.budget for p in prompts), default=1)
    ended = [time.perf_counter()]
    if obstacle(model, longest):
        with attached(model, adapter):
            ended[0] = time.perf_counter()
            for prompt in prompts:
                answer_batches(model, [prompt], ends, 1, lambda done: None)
                ended.append(time.perf_counter())
        return _between(ended), "transformers"

    def note(done: int) -> None:
        if done == len(ended):
            ended.append(time.perf_counter())

    with torch.inference_mode():
        engine = build_engine(model, prompts, ends, 1, longest, adapter, share=False)
        engine.burst, engine.lag = 1, 0
        ended[0] = time.perf_counter()
        Schedule(engine, [(p.ids, p.budget) for p in prompts], note).run()
        _take(engine, prompts)
    return _between(ended), engine.name


def _between(moments: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(moments)]


def _take(engine: Engine, prompts: Sequence[Prompt]) -> None:
    """Fill in the answers to the prompts that an engine was built for."""
    answers, likely = engine.answered(), engine.log_probabilities()
    for prompt, (answer, truncated), log_probability in zip(prompts, answers, likely, strict=True):
        prompt.answer, prompt.truncated = answer, truncated
        prompt.log_probability = log_probability


def build_engine(
    model: Any,
    prompts: Sequence[Prompt],
    ends: frozenset[int],
    batch_size: int,
    longest: int,
    adapter: Adapter | None = None,
    *,
    share: bool = True,
) -> Engine:
    """Return an engine with as many slots as there is use and memory for.

    Where it may `share`, what prompts have in common at their start is read once.
    """
    weights = take_weights(model, longest, adapter)
    on_gpu = model.device.type == "cuda"
    wanted = max(1, min(batch_size, len(prompts)))
    size: dict[str, Any] = {
        "slots": min(wanted, _slots_that_fit(weights, longest, wanted, model.device)),
        "longest": longest,
        "cases": len(prompts),
        "most": max((p.budget for p in prompts), default=1),
        "ends": sorted(ends),
    }
    if not on_gpu:
        packed = pack(weights, _free_bytes(model.device), size["slots"])
        starts = common_starts([prompt.ids for prompt in prompts] if share else [])
        return ProcessorEngine(packed, Plain(weights.shape), starts=starts, **size)
    from tasks.models.decoding.captured import CapturedEngine

    return CapturedEngine(weights, _gpu_operations(weights), **size)


def _gpu_operations(weights: Weights) -> Operations:
    """Return the fused operations, or torch's where there is no Triton to compile them."""
    from tasks.models.decoding.fused import Fused, available

    return Fused(weights.shape) if available() else Plain(weights.shape)


def _slots_that_fit(weights: Weights, longest: int, wanted: int, device: Any) -> int:
    """Count the slots whose cache fits into the memory that is free, beside a pass's own needs."""
    shape, width = weights.shape, weights.embedding.element_size()
    slot = 2 * shape.layers * shape.groups * longest * shape.dim * width
    free = _free_bytes(device) * MEMORY_SHARE[device.type]
    if device.type == "cuda":
        from tasks.models.decoding.captured import CapturedEngine

        row = 4 * shape.inner + 8 * weights.embedding.shape[1]
        free -= width * (row * (CapturedEngine.pass_tokens + longest) + 3 * shape.vocabulary)
        slot += width * 3 * shape.vocabulary
    fitting = int(free // slot) - 1
    if fitting < 1:
        raise InputError(
            f"there is no memory for one text of {longest} tokens on {device}",
            step=STEP,
            remedy="free memory on the device, or shorten the longest case",
        )
    return min(fitting, wanted)


def _free_bytes(device: Any) -> int:
    import torch

    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
