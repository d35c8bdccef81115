"""How a step goes through memory: what computes twice, in how many passes, clipped."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.finetuning.trainer import StoppedError, Trainer

Event = dict[str, Any]


def ignore(_: Event) -> None: ...


def first_gradients(trainer: Trainer, folder: Path) -> list[Any]:
    """The gradients with which the first optimizer step is taken."""
    seen: list[Any] = []

    def look(*_: Any) -> None:
        seen.append([parameter.grad.clone() for parameter in trainer.optimizer.parameters.values()])

    trainer.optimizer.adamw.register_step_pre_hook(look)
    trainer.run(folder, 100, ignore)
    return seen[0]


def recompute(trainer: Trainer, layers: int) -> None:
    """Checkpoint so many layers, as memory would ask."""
    trainer.fit = replace(trainer.fit, checkpointing=layers)
    trainer._checkpoint_gradients()  # pyright: ignore[reportPrivateUsage]


def test_as_many_layers_compute_twice_as_were_chosen(make_trainer: Any, tmp_path: Path) -> None:
    """The first ones: the last ones' memory is free again by the time that they do."""
    for chosen in (0, 1, 2):
        trainer = make_trainer(max_steps=1, kernels="plain")  # which calls its modules
        layers, calls = trainer.causal.get_decoder().layers, [0, 0]
        if chosen:
            recompute(trainer, chosen)

        def count(number: int, calls: list[int] = calls) -> Any:
            def hook(*_: Any) -> None:
                calls[number] += 1

            return hook

        for number, layer in enumerate(layers):
            layer.self_attn.register_forward_pre_hook(count(number))
        events: list[Event] = []
        trainer.run(tmp_path / str(chosen), 100, events.append)
        assert calls == [2 if number < chosen else 1 for number in range(2)]
        assert events[0]["gradient_checkpointing"] == chosen


def test_a_run_goes_on_with_other_layers_that_compute_twice(
    make_trainer: Any, tmp_path: Path
) -> None:
    """As it may on another machine: what is computed twice is the same."""
    whole = make_trainer(max_steps=4)
    whole.run(tmp_path / "whole", 100, ignore)

    def stop(event: Event) -> None:
        if event.get("step") == 2 and event["event"] == "step":
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(StoppedError):
        make_trainer(max_steps=4).run(tmp_path / "cut", 100, stop)
    resumed = make_trainer(max_steps=4)
    recompute(resumed, 1)
    assert resumed.run(tmp_path / "cut", 100, ignore) == whole.losses


def test_how_a_step_is_laid_out_leaves_its_gradient(make_trainer: Any, tmp_path: Path) -> None:
    import torch

    shape = {"max_steps": 1, "max_grad_norm": 1e9}
    one = make_trainer(per_device_train_batch_size=4, **shape)
    others = {
        "accumulated": make_trainer(gradient_accumulation_steps=4, **shape),
        "half": make_trainer(per_device_train_batch_size=2, gradient_accumulation_steps=2, **shape),
        "auto": make_trainer(gradient_accumulation_steps=4, auto_batch=True, **shape),
        "recomputed": make_trainer(
            gradient_accumulation_steps=4, gradient_checkpointing=True, **shape
        ),
        "recomputed in part": make_trainer(gradient_accumulation_steps=4, **shape),
    }
    recompute(others["recomputed in part"], 1)
    assert [t.fit.rows for t in (one, *others.values())] == [4, 1, 2, 4, 1, 1]
    whole = first_gradients(one, tmp_path / "one")
    for name, other in others.items():
        assert other.plan == one.plan
        found = first_gradients(other, tmp_path / name)
        for this, that in zip(whole, found, strict=True):
            scale = float(this.abs().max())
            torch.testing.assert_close(that, this, rtol=1e-5, atol=1e-5 * scale)
        assert other.losses == pytest.approx(one.losses, rel=1e-5)
    less = make_trainer(gradient_accumulation_steps=3, **shape)
    changed = first_gradients(less, tmp_path / "less")
    assert any(
        float((this - that).abs().max()) > 1e-3 * float(this.abs().max())
        for this, that in zip(whole, changed, strict=True)
    )


def test_the_gradient_is_clipped_to_its_norm(make_trainer: Any, tmp_path: Path) -> None:
    import torch

    clipped = first_gradients(make_trainer(max_steps=1, max_grad_norm=0.5), tmp_path)
    assert float(torch.cat([g.flatten() for g in clipped]).norm()) == pytest.approx(0.5, rel=1e-3)
