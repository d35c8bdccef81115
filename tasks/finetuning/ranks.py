"""The processes of one run, a GPU each (or on a machine without, a share of its processors).

torchrun starts them and says in each one's environment who it is. What all must agree on, such as
to stop, goes through the CPU, so that no GPU is waited for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from data_contracts.errors import InputError

PATIENCE = timedelta(minutes=15)  # for a rank that saves, exports or compiles


@dataclass(frozen=True)
class Ranks:
    """This process among the `world` of a run. Alone, nothing is sent."""

    rank: int = 0
    world: int = 1
    _control: Any = None

    @property
    def first(self) -> bool:
        """Tell whether this is the process that reports and writes for all."""
        return self.rank == 0

    def highest(self, value: int) -> int:
        """Return the highest of all processes' values."""
        if self.world == 1:
            return value
        import torch
        import torch.distributed as dist

        told = torch.tensor([value])
        dist.all_reduce(told, dist.ReduceOp.MAX, group=self._control)
        return int(told)

    def add(self, tensor: Any) -> Any:
        """Return the sum of all processes' tensors."""
        if self.world > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor)
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of their ranks."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value, group=self._control)
        return values


ALONE = Ranks()


def is_first() -> bool:
    """Tell whether this process is, or will be, the first of its run."""
    return os.environ.get("RANK", "0") == "0"


def join() -> tuple[Ranks, Any]:
    """Return this process's place in its run, and its device; joins the others if there are any."""
    import torch
    import torch.distributed as dist

    on_gpu = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu and local >= torch.cuda.device_count():
        raise InputError(
            f"there are {torch.cuda.device_count()} GPUs on this machine",
            step="finetune",
            where=f"process {local + 1} of this node",
            remedy="set gpus to as many as there are",
        )
    if on_gpu:
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks(), device
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    control = dist.new_group(backend="gloo", timeout=PATIENCE)
    return Ranks(dist.get_rank(), dist.get_world_size(), control), device


def leave(ranks: Ranks) -> None:
    """Part from the other processes, once all have come here: who waits must not be hung up on."""
    if ranks.world > 1:
        import torch.distributed as dist

        ranks.gather(None)
        dist.destroy_process_group()


def end_process(code: int) -> NoReturn:
    """End this process; what it wrote must be flushed already.

    It ends without the interpreter's teardown, which takes a second: it looks through all that
    torch and transformers loaded. Of several processes gloo's threads may hold tensors beyond
    destroy_process_group, and freeing them by then aborts now and then (pytorch pull 179291).
    """
    os._exit(code)
