"""The optimizer of several processes, each of which updates its part of weights all have whole."""

from __future__ import annotations

from typing import Any

from tasks.finetuning.optimizer import OnePassOptimizer, Optimizer, fits_kernel
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.replicas import Replicas, piece


class PartOptimizer(Optimizer):
    """The same over a process's part of weights that every process has whole."""

    def __init__(self, model: Any, recipe: Recipe, replicas: Replicas) -> None:
        self._replicas = replicas
        super().__init__(model, recipe)
        self._sent = replicas.serve(self.masters)
        self._fused = all(map(fits_kernel, self._sent.values(), self.masters.values()))

    def gather(self) -> None:
        """Leave the gradients to the replicas, which bring them to the masters."""

    def clip(self, max_norm: float) -> Any:
        """Return the norm of the gradients that all processes hold a part of."""
        import torch

        self._replicas.finish()
        gradients = [master.grad for master in self.masters.values()]
        norms = torch._foreach_norm(gradients, 2, torch.float32)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        square = torch.linalg.vector_norm(torch.stack(norms)).square()
        norm = self._replicas.ranks.add(square).sqrt()
        self._scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        return norm

    def step(self, learning_rate: float) -> None:
        """Update this process's part, and send it to all."""

        gradients = [master.grad for master in self.masters.values()]
        if self._fused:
            # What is updated first is on its way while the rest is.
            self._replicas.publish(lambda names: self._update(names, learning_rate))
            self.zero_grad()
            return
        for gradient in gradients:
            gradient.mul_(self._scale.to(gradient.dtype))
        super().step(learning_rate)

    def zero_grad(self) -> None:
        """Drop the gradients, those on their way too."""
        self._replicas.finish()
        super().zero_grad()

    def _weight_and_gradient(self, name: str) -> tuple[Any, Any, Any]:
        master = self.masters[name]
        return self._sent[name], master, master.grad

    def _master(self, parameter: Any) -> Any:
        ranks, precise = self._replicas.ranks, self.recipe.optimizer_precision == "fp32"
        part = piece(parameter.detach(), ranks.rank, ranks.world)
        return part.float().clone() if precise else part.clone()

    def _clock(self, master: Any) -> Any:
        return "cpu" if self._fused else master.device

    def _to_model(self) -> None:
        import torch

        sent = [self._sent[name] for name in self.masters]
        with torch.no_grad():
            torch._foreach_copy_(sent, list(self.masters.values()))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        self._replicas.publish()


def choose_optimizer(
    model: Any, recipe: Recipe, *, one_pass: bool, replicas: Replicas | None = None
) -> Optimizer:
    """Return the optimizer for a model that is on its device, sharded if it will be."""
    if replicas is not None:
        return PartOptimizer(model, recipe, replicas)
    fused = one_pass and recipe.method == "full" and recipe.optimizer_precision == "fp32"
    parameters = [p for p in model.parameters() if p.requires_grad]
    if fused and all(fits_kernel(p) for p in parameters):
        return OnePassOptimizer(model, recipe)
    return Optimizer(model, recipe)
