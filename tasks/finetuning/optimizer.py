"""AdamW over float32 copies of the weights that a model computes with in bf16.

An update is mostly smaller than what bf16 can add to a weight, so weights kept in bf16 alone
would stand still. Where the weights are float32, or the recipe wants no copy, they are their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from tasks.finetuning.recipe import Recipe

MOMENTS = ("exp_avg", "exp_avg_sq")


class Optimizer:
    """AdamW of a model's trainable parameters.

    `parameters` are the model's, by name; `masters` what the optimizer updates, by the same names.
    Gradients gather in the masters, so those of several passes are added in float32: at `gather`
    behind a pass, or, where every weight is trained, as soon as each is there, which saves memory.
    """

    _scale: Any = None  # of the gradients, where a kernel clips them: one value on the device

    def __init__(self, model: Any, recipe: Recipe) -> None:
        import torch

        self.recipe = recipe
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.masters: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            self.masters[name] = self._master(parameter)
        self._copied = [n for n, p in self.parameters.items() if self.masters[n] is not p]
        kinds = {_decays(master): list[Any]() for master in self.masters.values()}
        for master in self.masters.values():
            kinds[_decays(master)].append(master)
        self.adamw = torch.optim.AdamW(
            [
                {"params": same, "weight_decay": recipe.weight_decay if decays else 0.0}
                for decays, same in kinds.items()
            ],
            lr=recipe.learning_rate,
            fused=True,
        )

    def gather(self) -> None:
        """Add what a pass over the model left to the gradients in the masters."""
        for name in self._copied:
            _move_gradient(self.parameters[name], self.masters[name])

    def clip(self, max_norm: float) -> Any:
        """Scale the gradients down to a total norm; return the norm before, still on the GPU."""
        import torch

        norm: Any = torch.nn.utils.clip_grad_norm_(self.masters.values(), max_norm)
        return norm.full_tensor() if hasattr(norm, "full_tensor") else norm

    def step(self, learning_rate: float) -> None:
        """Update the weights by the gathered gradients, and drop these."""
        for group in self.adamw.param_groups:
            group["lr"] = learning_rate
        self.adamw.step()
        self.zero_grad()
        self._to_model()

    def _update(self, names: Iterable[str], learning_rate: float) -> None:
        """Let one kernel scale the gradients, update the masters, and round them to weights."""
        import torch

        from tasks.finetuning.kernels.triton_kernels import fused_step

        tensors: list[tuple[Any, ...]] = []
        for name in names:
            master = self.masters[name]
            state = self.adamw.state[master]
            if not state:
                state["step"] = torch.tensor(0.0)
                state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(master) for _ in "mv")
            state["step"] += 1
            moments = state["exp_avg"], state["exp_avg_sq"]
            tensors.append((*self._weight_and_gradient(name), *moments))
        count = int(next(iter(self.adamw.state.values()))["step"])
        for decays in (True, False):
            same = [entry for entry in tensors if _decays(entry[1]) is decays]
            decay = self.recipe.weight_decay if decays else 0.0
            fused_step(same, self._scale, count, learning_rate, decay)

    def _weight_and_gradient(self, name: str) -> tuple[Any, Any, Any]:
        """Return where a master is rounded to, itself, and its gradient, for `_update`."""
        parameter = self.parameters[name]
        return parameter, self.masters[name], parameter.grad

    def zero_grad(self) -> None:
        """Drop the gradients."""
        self.adamw.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return the tensors a checkpoint needs, weights and moments; of sharded ones the shard."""
        tensors = {f"weight/{name}": own(master) for name, master in self.masters.items()}
        for name, master in self.masters.items():
            for key, value in self.adamw.state[master].items():
                tensors[f"{key}/{name}"] = own(value)
        return tensors

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        import torch

        with torch.no_grad():
            for name, master in self.masters.items():
                own(master).copy_(tensors[f"weight/{name}"])
                moments = {key: _like(master, tensors[f"{key}/{name}"]) for key in MOMENTS}
                step = tensors[f"step/{name}"].to(self._clock(master))
                self.adamw.state[master] = {"step": step, **moments}
        self._to_model()

    def _clock(self, master: Any) -> Any:
        """Return where steps are counted: torch's fused AdamW wants that with the weights."""
        return own(master).device

    def _master(self, parameter: Any) -> Any:
        """Return what is updated for a parameter."""
        import torch

        if parameter.dtype == torch.float32 or self.recipe.optimizer_precision == "bf16":
            return parameter
        master = parameter.detach().float()
        if not self.recipe.adapts:
            self._gather_at_once(parameter, master)
        return master

    def _gather_at_once(self, parameter: Any, master: Any) -> None:
        def move(_: Any) -> None:
            _move_gradient(parameter, master)

        parameter.register_post_accumulate_grad_hook(move)

    def _to_model(self) -> None:
        import torch

        if self._copied:
            with torch.no_grad():
                torch._foreach_copy_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
                    [self.parameters[name] for name in self._copied],
                    [self.masters[name] for name in self._copied],
                )


class OnePassOptimizer(Optimizer):
    """The same where a step is one pass over the model on a GPU: nothing is gathered.

    Gradients stay in bf16 as the pass left them, and one kernel clips, updates and rounds.
    """

    def _gather_at_once(self, parameter: Any, master: Any) -> None: ...

    def gather(self) -> None:
        """Leave the gradients where they are."""

    def _clock(self, master: Any) -> Any:
        """Return the CPU: the kernel takes numbers."""
        return "cpu"

    def clip(self, max_norm: float) -> Any:
        """Return the gradients' norm, in float32; `step` scales them."""
        import torch

        gradients = [parameter.grad for parameter in self.parameters.values()]
        norms = torch._foreach_norm(gradients, 2, torch.float32)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        self._scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        return norm

    def step(self, learning_rate: float) -> None:
        """Update the weights by the gradients, and drop these."""
        self._update(self.parameters, learning_rate)
        self.zero_grad()

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None


def fits_kernel(weight: Any, master: Any = None) -> bool:
    """Tell whether our kernel can update a weight, by its master in float32."""
    import torch

    if master is not None and master.dtype != torch.float32:
        return False
    return find_spec("triton") is not None and weight.is_cuda and weight.dtype == torch.bfloat16


def _decays(master: Any) -> bool:
    """Tell whether a parameter decays: biases and norms do not, as in transformers."""
    return master.ndim > 1


def own(tensor: Any) -> Any:
    """Return a tensor, or of a sharded one the part that is on this process."""
    tensor = tensor.detach()
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def _like(master: Any, value: Any) -> Any:
    """Return a saved tensor on its master's device, sharded as that is."""
    value = value.to(own(master).device)
    if not hasattr(master, "to_local"):
        return value
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        value, master.device_mesh, master.placements, shape=master.shape, stride=master.stride()
    )


def _move_gradient(parameter: Any, master: Any) -> None:
    if parameter.grad is None:
        return
    if master.grad is None:
        master.grad = parameter.grad.float()
    else:
        master.grad.add_(parameter.grad)
    parameter.grad = None
