"""What must hold on the device: packed equals alone, nothing leaks, runs resume."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tasks.finetuning.batches import to_device
from tasks.finetuning.kernels import target_states
from tasks.finetuning.packing import collate
from tasks.finetuning.recipe import Recipe
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
        loss = trainer._backward([collate([[0, 3, 1], [5, 2, 4]], examples)])  # pyright: ignore[reportPrivateUsage]
        gradient = torch.cat([m.grad.flatten() for m in trainer.optimizer.masters.values()])
        found[f"bf16_packed_{name}"] = _errors((float(loss), gradient), expected)
    found["liger"] = trainer.liger
    found["leak"] = _leak(trainer, examples, vocabulary)
    found["resumed_loss"] = _resumed(shape, device, vocabulary)
    return found


def _trainer(model: Any, examples: Any, device: Any, kernels: str) -> Trainer:
    settings = {"method": "full", "precision": "bf16", "max_seq_length": 1024, "kernels": kernels}
    return Trainer(model, Recipe.model_validate(settings), examples, device)


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
