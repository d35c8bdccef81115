"""What must hold on the device: its operations are those of plain torch, its tokens the model's."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.models.adapters import Adapter
from tasks.models.decoding.decoder import build_engine
from tasks.models.decoding.operations import Board, Plain, Rows
from tasks.models.decoding.weights import Shape
from tasks.models.prompts import Prompt
from tests.benchmarks.finetuning.shapes import build
from tests.benchmarks.generating import ours, peers

SHAPES = {
    "32/8 heads of 64": (32, 8, 64),
    "9/3 heads of 64": (9, 3, 64),
    "8/8 heads of 128": (8, 8, 128),
    "4/2 heads of 16": (4, 2, 16),
}


def operations(
    device: Any,
    shapes: Mapping[str, tuple[int, int, int]] = SHAPES,
    kinds: Sequence[str] = ("float32", "bfloat16"),
    rows_of: Sequence[int] = (1, 5, 200),
) -> dict[str, float]:
    """Return the largest difference of each fused operation from torch's, by shape and type."""
    import torch

    from tasks.models.decoding.fused import Fused

    found: dict[str, float] = {}
    for name, (heads, groups, dim) in shapes.items():
        shape = Shape(1, heads, groups, dim, 1000, 5000, 1e-5, dim**-0.5)
        for kind in kinds:
            for rows in rows_of:
                both = (Plain(shape), Fused(shape))
                found_here = _differences(both, rows, getattr(torch, kind), device)
                for what, difference in found_here.items():
                    key = f"{name}, {kind}, {rows} rows, {what}"
                    found[key] = difference
    return found


def _differences(both: Any, rows: int, kind: Any, device: Any) -> dict[str, float]:
    import torch

    torch.manual_seed(rows)
    shape, longest, slots = both[0].shape, 700, rows + 2
    make = {"dtype": kind, "device": device}
    x, residual = torch.randn(2, rows, 2048, **make)
    qkv = torch.randn(rows, shape.heads + 2 * shape.groups, shape.dim, **make)
    cache = torch.randn(2, slots + 1, shape.groups, longest, shape.dim, **make)
    angles = torch.randn(longest, shape.dim // 2, device=device)
    tables = (angles.cos().to(kind), angles.sin().to(kind))
    chosen = torch.randperm(slots, device=device)[:rows]
    positions = torch.randint(0, longest, (rows,), device=device)
    positions[0] = longest - 1
    logits = torch.randn(rows, shape.vocabulary, **make)
    outs: list[dict[str, Any]] = []
    for operations in both:
        mine, here = qkv.clone(), cache.clone()
        normed, total = operations.add_norm(x, residual.clone(), x[0])
        turn = operations.turns(*tables, positions)
        operations.rotate(mine, chosen, positions, here[0], here[1], turn)
        where = Rows(chosen, positions, chosen, longest, kind)
        board = _board(slots, rows, device)
        operations.advance(logits, chosen, board)
        outs.append(
            {
                "norm": normed,
                "sum": total,
                "rotation": mine,
                "cache": here,
                "attention": operations.attend(mine, where, here[0], here[1]),
                "swiglu": operations.swiglu(torch.cat([x, residual], dim=1)),
                "tokens": board.answers,
                "state": board.state,
                "log-probabilities": board.sums,
            }
        )
    return {key: float((outs[0][key] - outs[1][key]).abs().max()) for key in outs[0]}


def _board(slots: int, rows: int, device: Any) -> Board:
    import torch

    def numbers(*size: int) -> Any:
        return torch.zeros(size, dtype=torch.int32, device=device)

    state = numbers(6, slots + 1)
    state[2, :slots], state[4], state[5] = 1, 9, torch.arange(slots + 1)
    cases = (numbers(slots + 2, 9), numbers(slots + 2), numbers(slots + 2))
    ends = torch.tensor([7, 11], dtype=torch.int32, device=device)
    return Board(state, *cases, ends, torch.zeros(slots + 2, device=device))


def logits(shape: str, device: Any, kind: Any) -> dict[str, float]:
    """Return how far the engine's logits are from the model's own forward, prompt and steps.

    As a share of the logits' spread; beside it, how far the model's own are from float32's.
    """
    import torch

    model = build(shape, device, kind)
    rng = random.Random(5)
    asked = [[rng.randrange(3, model.config.vocab_size) for _ in range(n)] for n in (7, 200, 65)]
    prompts = [Prompt("check", str(i), ids, 6) for i, ids in enumerate(asked)]
    seen: list[Any] = []
    with torch.inference_mode():
        longest = 206
        engine = build_engine(model, prompts, frozenset({-5}), 3, longest)
        advance = engine.operations.advance

        def watch(values: Any, slots: Any, board: Board) -> None:
            seen.append((values.float().clone(), slots.clone()))
            advance(values, slots, board)

        engine.operations.advance = watch  # pyright: ignore[reportAttributeAccessIssue]
        from tasks.models.decoding.passes import Admitted

        engine.admit([Admitted(i, i, ids, 6) for i, ids in enumerate(asked)])
        rows = torch.arange(3, device=device)
        for _ in range(5):
            engine._decode(rows, rows, longest)  # pyright: ignore[reportPrivateUsage]
        answers = engine.answered()
        wide = copy.deepcopy(model).float()
        worst = own = 0.0
        for case, ids in enumerate(asked):
            text = torch.tensor([ids + answers[case][0][:5]], device=device)
            expected = model(input_ids=text).logits[0, len(ids) - 1 :].float()
            exact = wide(input_ids=text).logits[0, len(ids) - 1 :]
            mine = torch.stack([values[case] for values, _ in seen])
            worst = max(worst, float((mine - expected).abs().max() / expected.std()))
            own = max(own, float((exact - expected).abs().max() / expected.std()))
    return {"engine_against_model": worst, "model_against_float32": own}


def tokens(shape: str, device: Any, kind: Any) -> dict[str, float]:
    """Return the share of answers and of first tokens that are those of `generate`."""
    model = build(shape, device, kind)
    rng = random.Random(6)
    asked = [[rng.randrange(3, model.config.vocab_size) for _ in range(50)] for _ in range(24)]
    mine, _ = ours.answer(model, asked, 16, 8)
    theirs = peers.greedy(model, asked, 16)
    return {"answers": agreement(mine, theirs), "first_tokens": agreement(mine, theirs, 1)}


def agreement(one: list[list[int]], other: list[list[int]], first: int | None = None) -> float:
    """Return the share of answers that are the same, or begin with the same tokens."""
    pairs = list(zip(one, other, strict=True))
    return sum(a[:first] == b[:first] for a, b in pairs) / len(pairs)


def random_adapter(model: Any, rank: int) -> Adapter:
    """Return an adapter on every linear layer, with random factors."""
    import torch

    torch.manual_seed(9)
    factors: dict[str, tuple[Any, Any]] = {}
    for name, module in model.model.named_modules():
        if name.endswith("_proj"):
            rows, columns = module.weight.shape
            low = torch.randn(rank, columns, device=model.device) * 0.02
            factors[name] = (low, torch.randn(rows, rank, device=model.device) * 0.02)
    return Adapter(factors, "random")
