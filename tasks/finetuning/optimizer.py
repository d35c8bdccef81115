"""AdamW over float32 copies of the weights that a model computes with in bf16.

An update is mostly smaller than what bf16 can add to a weight, so weights kept in bf16 alone
would stand still. Where the weights are float32, or the recipe wants no copy, they are their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tasks.finetuning.recipe import Recipe


class Optimizer:
    """Fused AdamW of a model's trainable parameters.

    `parameters` are the model's, by name; `masters` what the optimizer updates, by the same names.
    Gradients gather in the masters, so those of several passes are added in float32.
    """

    def __init__(self, model: Any, recipe: Recipe) -> None:
        import torch

        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.masters: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if parameter.dtype == torch.float32 or recipe.optimizer_precision == "bf16":
                self.masters[name] = parameter
            else:
                self.masters[name] = master = parameter.detach().float()
                parameter.register_post_accumulate_grad_hook(_moves_gradient(master))
        self._copied = [n for n, p in self.parameters.items() if self.masters[n] is not p]
        self.adamw = torch.optim.AdamW(
            self.masters.values(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )

    def clip(self, max_norm: float) -> Any:
        """Scale the gradients down to a total norm; return the norm before, still on the GPU."""
        import torch

        return torch.nn.utils.clip_grad_norm_(self.masters.values(), max_norm)

    def step(self, learning_rate: float) -> None:
        """Update the weights by the gathered gradients, and drop these."""
        for group in self.adamw.param_groups:
            group["lr"] = learning_rate
        self.adamw.step()
        self.zero_grad()
        self._to_model()

    def zero_grad(self) -> None:
        """Drop the gradients."""
        self.adamw.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return the tensors a checkpoint needs: weights and moments."""
        tensors = {f"weight/{name}": master.detach() for name, master in self.masters.items()}
        for name, master in self.masters.items():
            for key, value in self.adamw.state[master].items():
                tensors[f"{key}/{name}"] = value
        return tensors

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        import torch

        with torch.no_grad():
            for name, master in self.masters.items():
                master.copy_(tensors[f"weight/{name}"])
                self.adamw.state[master] = {
                    key: tensors[f"{key}/{name}"].to(master.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
        self._to_model()

    def _to_model(self) -> None:
        import torch

        if self._copied:
            with torch.no_grad():
                torch._foreach_copy_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
                    [self.parameters[name] for name in self._copied],
                    [self.masters[name] for name in self._copied],
                )


def _moves_gradient(master: Any) -> Callable[[Any], None]:
    def move(parameter: Any) -> None:
        if master.grad is None:
            master.grad = parameter.grad.float()
        else:
            master.grad.add_(parameter.grad)
        parameter.grad = None

    return move
