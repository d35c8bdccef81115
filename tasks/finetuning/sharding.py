"""Spreads a model that trains over the processes of a run: FSDP2, weights gathered layer by layer.

For weights that a process has no memory to keep whole; `replicas` is for those that it has. Trained
weights, their gradients and moments are kept in shards, in the optimizer's precision. A gradient is
summed over the processes in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.errors import InputError
from tasks.finetuning.ranks import Ranks
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.replicas import piece


def shard(
    model: Any, causal: Any, recipe: Recipe, liger: bool, ranks: Ranks, *, whole: bool = False
) -> Any:
    """Return a module f(objective, batch) -> objective.sums(...).

    Sharded if there are other processes, unless each is to keep the weights `whole`.

    The loss reads the head's weights, which are there only inside the call of what is sharded.
    """
    import torch

    class Computed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.causal = causal

        def forward(self, objective: Any, batch: Any) -> Any:
            return objective.sums(self.causal, batch, liger).clone()  # FSDP2 wants no view

    computed = Computed()
    if ranks.world == 1:
        return computed
    if recipe.method == "qlora":
        raise InputError(
            "weights in 4 bits are not trained over several processes",
            step="finetune",
            where="method: qlora",
            remedy="set gpus and nodes to 1, or train with method lora",
        )
    if whole:
        return computed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    half = recipe.precision == "bf16"
    for parameter in model.parameters():
        if parameter.requires_grad and half and recipe.optimizer_precision == "fp32":
            parameter.data = parameter.data.float()
    options: dict[str, Any] = {
        "mesh": init_device_mesh(causal.device.type, (ranks.world,)),
        "ignored_params": {p for p in model.parameters() if not p.requires_grad},
        # Gathered twice a pass: where memory was there to keep them, they would not be sharded.
        "reshard_after_forward": True,
    }
    if half:
        options["mp_policy"] = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32, output_dtype=torch.float32
        )
    for layer in causal.get_decoder().layers:
        fully_shard(layer, **options | _layer_policy(options))
    fully_shard(computed, **options)
    return computed


def _layer_policy(options: Mapping[str, Any]) -> dict[str, Any]:
    """A layer hands on what it computed in; only the loss leaves in float32."""
    from dataclasses import replace

    policy = options.get("mp_policy")
    return {} if policy is None else {"mp_policy": replace(policy, output_dtype=None)}


def gather(computed: Any, ranks: Ranks) -> None:
    """Make every sharded weight whole again, on the CPU of the first process; others keep none.

    What is tied stays tied.
    """
    import torch

    if ranks.world == 1:
        return
    for module in computed.modules():
        if hasattr(module, "reshard"):
            module.reshard()  # the last use may have left weights gathered
            # FSDP2 put a class of its own before the module's, which would move only shards.
            module.__class__ = type(module).__bases__[1]
    whole: dict[int, Any] = {}
    for module in computed.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if not hasattr(parameter, "full_tensor"):
                continue
            if id(parameter) not in whole:
                value = parameter.detach().full_tensor()
                kept = value.cpu() if ranks.first else torch.empty(0)
                whole[id(parameter)] = torch.nn.Parameter(kept, requires_grad=False)
            module.register_parameter(name, whole[id(parameter)])


def pieces(whole: Any, ranks: Ranks) -> Any:
    """Return the part of a whole tensor that FSDP2 keeps on this process: rows, as chunk() cuts."""
    if ranks.world == 1 or whole.dim() == 0:
        return whole
    return piece(whole, ranks.rank, ranks.world)
