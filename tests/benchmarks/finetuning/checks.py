"""What must hold on the device: packed equals alone, nothing leaks, runs resume."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tasks.finetuning.batches import to_device
from tasks.finetuning.kernels.choice import target_states
from tasks.finetuning.objectives.objective import units_of
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.packing import collate
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.train_process import prepare
from tasks.finetuning.trainer import StoppedError, Trainer
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths

LENGTHS = [300, 17, 1, 129, 64, 513]


def measure(shape: str, device: Any, **_: Any) -> dict[str, Any]:
    """Return relative errors against float32, document by document, and of a resumed run."""
    import torch

    vocabulary = SHAPES[shape]["vocab_size"]
    examples = documents(LENGTHS, vocabulary)
    torch.manual_seed(1)
    reference = build(shape, device, torch.float32)
    expected = _alone(reference, examples, device)
    found: dict[str, Any] = {}
    for name, kernels in (("plain", "plain"), ("auto", "auto")):
        model = build(shape, device, torch.float32)
        model.load_state_dict(reference.state_dict())
        model.to(torch.bfloat16)
        if name == "plain":
            found["bf16_alone"] = _errors(_alone(model, examples, device), expected)
        trainer = _trainer(model, examples, device, kernels)
        found[f"bf16_packed_{name}"] = _errors(_packed(trainer), expected)
        if name == "auto":
            found["optimizer"] = _one_update(trainer)
    found["liger"] = trainer.kernels == "liger"
    found["lora"] = _lora(reference, examples, device)
    found["leak"] = _leak(trainer, examples, vocabulary)
    found["resumed_loss"] = _resumed(shape, device, vocabulary)
    return found


def _trainer(
    model: Any, examples: Any, device: Any, kernels: str, method: str = "full", **more: Any
) -> Trainer:
    settings = {"method": method, "precision": "bf16", "max_seq_length": 1024, "kernels": kernels}
    recipe = Recipe.model_validate({**settings, **more})
    return Trainer(prepare(model, recipe).to(device), recipe, Supervised(examples), device)


def _packed(trainer: Trainer) -> tuple[float, Any]:
    """Go once through the documents, packed; return the loss and the gradient."""
    import torch

    trainer.model.train()
    rows = [[0, 3, 1], [5, 2, 4]]
    units = units_of(trainer.objective, rows)
    means = trainer._backward([trainer.objective.collate(rows)], units)  # pyright: ignore[reportPrivateUsage]
    masters, parameters = trainer.optimizer.masters, trainer.optimizer.parameters
    gradients = (m.grad if m.grad is not None else parameters[n].grad for n, m in masters.items())
    return float(means[0]), torch.cat([gradient.float().flatten() for gradient in gradients])


def _one_update(trainer: Trainer) -> dict[str, Any]:
    """Compare three updates by the chosen optimizer with torch's AdamW over the same gradients."""
    import torch

    optimizer = trainer.optimizer
    masters = [m.detach().clone().requires_grad_() for m in optimizer.masters.values()]
    kinds = (
        {"params": [m for m in masters if (m.ndim > 1) is decays], "weight_decay": decay}
        for decays, decay in ((True, 0.1), (False, 0.0))  # biases and norms do not decay
    )
    peer = torch.optim.AdamW(kinds, lr=1e-3)
    optimizer.recipe = optimizer.recipe.model_copy(update={"weight_decay": 0.1})
    off: list[float] = []
    for _ in range(3):
        _packed(trainer)
        for master, parameter in zip(masters, optimizer.parameters.values(), strict=True):
            gradient = parameter.grad
            master.grad = None if gradient is None else gradient.float()
        if any(master.grad is None for master in masters):
            return {"kind": type(optimizer).__name__}
        norm = torch.nn.utils.clip_grad_norm_(masters, 1.0)
        off.append(float(optimizer.clip(1.0) / norm - 1))
        optimizer.step(1e-3)
        peer.step()
    pairs = list(zip(optimizer.masters.values(), masters, strict=True))
    moved = max(float((a - b).abs().max()) for a, b in pairs)
    return {"kind": type(optimizer).__name__, "largest": moved, "norm": max(map(abs, off))}


def _lora(reference: Any, examples: Any, device: Any) -> dict[str, float]:
    """Compare adapters' gradients, compiled, with peft's own computation of them in float32."""
    import copy

    import torch

    settings: dict[str, Any] = {"method": "lora", "lora_r": 8}
    found: list[tuple[float, Any]] = []
    for dtype, kernels in ((torch.float32, "plain"), (torch.bfloat16, "auto")):
        trainer = _trainer(
            copy.deepcopy(reference).to(dtype), examples, device, kernels, **settings
        )
        torch.manual_seed(9)
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:  # zero at the start, where A has no gradient
                parameter.data.copy_(torch.randn(parameter.shape, device=device) * 0.02)
        found.append(_packed(trainer))
    return _errors(found[1], found[0])


def _alone(model: Any, examples: Any, device: Any) -> tuple[float, Any]:
    import torch

    count = sum(len(example.tokens) - 1 for example in examples)
    total = 0.0
    model.zero_grad()
    for example in examples:
        ids = torch.tensor([example.tokens], device=device)
        if len(example.tokens) > 1:
            logits = model(input_ids=ids).logits[0, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum") / count
            loss.backward()
            total += float(loss.detach())
    gradient = torch.cat([p.grad.float().flatten() for p in model.parameters()])
    model.zero_grad()
    return total, gradient


def _errors(found: tuple[float, Any], expected: tuple[float, Any]) -> dict[str, float]:
    return {
        "loss": abs(found[0] - expected[0]) / expected[0],
        "gradient": float((found[1] - expected[1]).norm() / expected[1].norm()),
    }


def _leak(trainer: Trainer, examples: Any, vocabulary: int) -> float:
    """The largest change of a hidden state by another document's change; 0 if nothing leaks."""
    import torch

    changed = [*examples]
    changed[3] = documents([LENGTHS[3]], vocabulary, seed=77)[0]
    order = [[0, 3, 5]]
    with torch.no_grad():
        before, after = (
            target_states(trainer.causal, to_device(collate(order, some), trainer.device))
            for some in (examples, changed)
        )
    difference = (before - after).abs().amax(-1)
    first, last = LENGTHS[0] - 1, LENGTHS[0] + LENGTHS[3] - 2
    assert float(difference[first:last].max()) > 0
    return float(torch.cat([difference[:first], difference[last:]]).max())


def _resumed(shape: str, device: Any, vocabulary: int) -> float:
    """The largest relative difference in loss of a run stopped at its fourth step of eight."""
    import torch

    examples = documents(lengths(1024 * 8), vocabulary)

    def run(folder: Path, last: int) -> list[float]:
        torch.manual_seed(5)
        model = build(shape, device, torch.bfloat16)
        trainer = _trainer(model, [e for e in examples if len(e.tokens) <= 1024], device, "auto")

        def stop(event: dict[str, Any]) -> None:
            if event["event"] == "step" and event["step"] >= last:
                trainer._stop = "stopped"  # pyright: ignore[reportPrivateUsage]

        try:
            return trainer.run(folder, 100, stop)
        except StoppedError:
            return []

    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as cut:
        undisturbed = run(Path(whole), 10**9)
        run(Path(cut), 3)
        resumed = run(Path(cut), 10**9)
    pairs = zip(undisturbed, resumed, strict=True)
    return max(abs(one - other) / one for one, other in pairs)
