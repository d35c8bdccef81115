"""What the benchmark of generation prints: checks, speeds beside the memory limit, agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.benchmarks.generating import checks


@dataclass(frozen=True)
class Plan:
    """A model's shape, the lengths, and for each batch size how many prompts we answer."""

    shape: str
    prompt: int
    new: int
    prompts: dict[int, int]
    peer_seconds: float
    exact_shape: str = "small"


def show_operations(device: Any) -> dict[str, float]:
    """Compare the fused operations with torch's; ValueError where they differ too much."""
    found = checks.operations(device)
    wrong: list[str] = []
    for kind, bound in (("float32", 2e-4), ("bfloat16", 0.07)):
        some = {key: value for key, value in found.items() if kind in key}
        worst = max(some, key=lambda key: some[key])
        print(f"fused operations, {kind}: largest difference {some[worst]:.2e} ({worst})")
        wrong += [f"{key}: {value:.2e}" for key, value in some.items() if not value <= bound]
    if wrong:
        raise ValueError("operations differ: " + "; ".join(wrong[:12]))
    return found


def show_tokens(plan: Plan, device: Any) -> dict[str, Any]:
    """Compare logits and tokens with transformers'; ValueError where float32's are not the same."""
    import torch

    found: dict[str, Any] = {}
    wrong: list[str] = []
    for shape, kind in ((plan.exact_shape, torch.float32), (plan.shape, torch.bfloat16)):
        name = f"{shape} {str(kind)[6:]}"
        far = checks.logits(shape, device, kind)
        same = checks.tokens(shape, device, kind)
        found[name] = far | same
        print(f"{name}: " + ", ".join(f"{key} {value:.2g}" for key, value in found[name].items()))
        bound = 1e-3 if kind == torch.float32 else 0.02 + 3 * far["model_against_float32"]
        if not far["engine_against_model"] <= bound:
            wrong.append(f"logits of {name}: {far['engine_against_model']:.2e}")
        if kind == torch.float32 and same["answers"] < 1:
            wrong.append(f"answers of {name}: {same['answers']:.0%} are generate's")
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def step_bytes(model: Any, plan: Plan, batch: int) -> float:
    """Return what a step half way must read: the weights once, and each text's keys and values."""
    width = model.lm_head.weight.element_size()
    products = sum(m.weight.numel() for n, m in model.named_modules() if n.endswith("_proj"))
    config, attention = model.config, model.model.layers[0].self_attn
    a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * attention.head_dim
    texts = batch * (plan.prompt + plan.new / 2) * a_token
    return width * (products + model.lm_head.weight.numel() + texts)


def show(batch: int, mine: Any, peer: Any, needed: float, limit: float | None) -> None:
    """Print a batch size's figures, with their shares of the memory limit."""
    if not mine:
        return
    speed = mine["tokens_per_second"]
    line = f"batch {batch:4}: ours {speed:10,.0f} tokens/s ({mine['engine']})"
    if peer:
        mine["ratio"] = speed / peer["tokens_per_second"]
        line += f", generate {peer['tokens_per_second']:8,.0f}: {mine['ratio']:.1f} x"
    print(line)
    if limit and "step" in mine:
        floor = needed / limit
        whole = batch / speed
        mine |= {"floor": floor, "share_step": floor / mine["step"], "share_run": floor / whole}
        print(
            f"   a step {1000 * mine['step']:.3f} ms, memory's limit {1000 * floor:.3f} ms"
            f" ({mine['share_step']:.0%}; {mine['share_run']:.0%} with all else);"
            f" prefill {1000 * mine['prefill']:.1f} ms, building {1000 * mine['build']:.0f} ms,"
            f" first step {1000 * mine['first_step']:.0f} ms,"
            f" first run {mine['first_seconds']:.1f} s",
            flush=True,
        )


def compare(answers: dict[int, Any]) -> dict[str, Any]:
    """Print how often a prompt is answered otherwise in another batch size."""
    sizes = sorted(answers)
    found: dict[str, Any] = {}
    for size in sizes[1:]:
        one = answers[sizes[0]]
        other = answers[size][: len(one)]
        same = [
            next((i for i, (a, b) in enumerate(zip(x, y, strict=True)) if a != b), len(x))
            for x, y in zip(one, other, strict=True)
        ]
        differ = 1 - checks.agreement(one, other)
        found[f"{sizes[0]} and {size}"] = {"differ": differ, "same_tokens": sum(same) / len(same)}
        print(
            f"batch {sizes[0]} and {size}: {differ:.0%} of {len(one)} answers differ,"
            f" the first {sum(same) / len(same):.1f} tokens are the same on average"
        )
    return found
