"""Whole weights on each process of a run, what the optimizer keeps of them in shards.

ZeRO's second stage (Rajbhandari et al. 2020). Each process sends a gradient as its pass left it, a
part to whoever keeps that part, which adds them up in float32: half the bytes of a sum in float32
over the wire, and nothing is rounded on the way. Both this and the updated weights travel in
buckets while layers compute. Shards are of rows, as FSDP2 cuts them, so checkpoints are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Any

from tasks.finetuning.ranks import Ranks

BUCKET = 2**24  # values that are worth a message of their own
AHEAD = 2  # buckets on their way while others are computed with


class Replicas:
    """The trained weights of a model by buckets, in the order in which a pass reads them."""

    def __init__(self, model: Any, causal: Any, ranks: Ranks) -> None:
        self.ranks = ranks
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self._buckets = [
            _Bucket(number, dict(part), ranks)
            for number, part in enumerate(_parts(trained, _owners(causal)))
        ]
        self._reducing: deque[_Bucket] = deque()
        self._waiting: deque[_Bucket] = deque()
        self._coming: deque[_Bucket] = deque()
        for bucket in self._buckets:
            for parameter in bucket.parameters.values():
                parameter.register_post_accumulate_grad_hook(self._counting(bucket))
        self._settle_in_time(causal)

    def serve(self, masters: Mapping[str, Any]) -> dict[str, Any]:
        """Hand gradients to these shards from now on; return what `publish` sends, by name."""
        own: dict[str, Any] = {}
        for bucket in self._buckets:
            bucket.masters = [masters[name] for name in bucket.parameters]
            own |= bucket.own
        return own

    def finish(self) -> None:
        """See that the gradients of all passes so far are in the masters."""
        for bucket in self._buckets:
            if bucket.missing < len(bucket.parameters):  # weights that a pass did not use
                self._reduce(bucket)
        while self._reducing:
            self._reducing.popleft().end_reduce()

    def publish(self, update: Callable[[Iterable[str]], None] = lambda _: None) -> None:
        """Send every process's part of the weights to all, each by the time it is needed.

        `update` is called with the names of each part before that goes.
        """
        self.settle()
        for bucket in self._buckets:
            update(bucket.parameters)
            self._waiting.append(bucket)
            self._launch()

    def settle(self, number: int | None = None) -> None:
        """Have the weights up to a bucket in place; all of them, if it is not said which."""
        while self._coming and (number is None or self._coming[0].number <= number):
            self._coming.popleft().end_gather()
            self._launch()

    def _launch(self) -> None:
        while self._waiting and len(self._coming) < AHEAD:
            self._waiting[0].start_gather()
            self._coming.append(self._waiting.popleft())

    def _reduce(self, bucket: _Bucket) -> None:
        while bucket in self._reducing:  # what an earlier pass sent
            self._reducing.popleft().end_reduce()
        bucket.start_reduce()
        self._reducing.append(bucket)
        while len(self._reducing) > AHEAD:
            self._reducing.popleft().end_reduce()

    def _counting(self, bucket: _Bucket) -> Callable[[Any], None]:
        def count(_: Any) -> None:
            bucket.missing -= 1
            if not bucket.missing:
                self._reduce(bucket)

        return count

    def _settle_in_time(self, causal: Any) -> None:
        """Wait for weights where a pass first reads them; the head is read behind the last norm."""
        numbers = {
            id(parameter): bucket.number
            for bucket in self._buckets
            for parameter in bucket.parameters.values()
        }
        decoder = causal.get_decoder()
        for module in (decoder.embed_tokens, *decoder.layers):
            found = [numbers[id(p)] for p in module.parameters() if id(p) in numbers]
            if found:
                module.register_forward_pre_hook(self._waits(max(found)))
        decoder.norm.register_forward_pre_hook(self._waits(None))

    def _waits(self, number: int | None) -> Callable[..., None]:
        return lambda *_: self.settle(number)


class _Bucket:
    """Some parameters, whose gradients and updated values travel together."""

    def __init__(self, number: int, parameters: dict[str, Any], ranks: Ranks) -> None:
        self.number, self.parameters, self._ranks = number, parameters, ranks
        self.missing = len(parameters)
        self.masters: list[Any] = []
        whole = [parameter.detach() for parameter in parameters.values()]
        everyone = range(ranks.world)
        self._cut = [[piece(one, rank, ranks.world) for one in whole] for rank in everyone]
        self._sizes = [sum(one.numel() for one in part) for part in self._cut]
        self._sent = whole[0].new_zeros(max(self._sizes))
        mine = self._cut[ranks.rank]
        self.own = dict(zip(parameters, _views(self._sent, mine), strict=True))
        self._under_way: list[Any] = []

    def start_reduce(self) -> None:
        """Send each process its part of the gradients, which are given up here."""
        import torch
        import torch.distributed as dist

        world, own = self._ranks.world, self._sizes[self._ranks.rank]
        grads = [_gradient(parameter) for parameter in self.parameters.values()]
        flat = torch.cat([piece(g, r, world).flatten() for r in range(world) for g in grads])
        received = flat.new_empty(world * own)
        work = dist.all_to_all_single(received, flat, [own] * world, self._sizes, async_op=True)
        for parameter in self.parameters.values():
            parameter.grad = None
        self.missing = len(self.parameters)
        self._under_way = [work, received, flat]

    def end_reduce(self) -> None:
        """Add the mean of all processes' gradients to the masters'."""
        work, received, _ = self._under_way
        self._under_way = []
        work.wait()
        mean = _mean(received.view(self._ranks.world, -1))
        for master, part in zip(self.masters, _views(mean, self.masters), strict=True):
            if master.grad is None:
                master.grad = part.to(master.dtype)
            else:
                master.grad.add_(part)

    def start_gather(self) -> None:
        """Begin to fetch every process's part of the weights."""
        import torch.distributed as dist

        whole = self._sent.new_empty(self._ranks.world * len(self._sent))
        gather: Any = getattr(dist, "all_gather_single", None)  # its name since torch 2.13
        if gather is None:
            gather = dist.all_gather_into_tensor  # pyright: ignore[reportDeprecated]
        work = gather(whole, self._sent, async_op=True)
        self._under_way = [work, whole]

    def end_gather(self) -> None:
        """Put the fetched parts in their places."""
        import torch

        work, whole = self._under_way
        self._under_way = []
        work.wait()
        places = [place for part in self._cut for place in part]
        parts = whole.view(self._ranks.world, -1)
        found = [v for row, cut in zip(parts, self._cut, strict=True) for v in _views(row, cut)]
        with torch.no_grad():
            torch._foreach_copy_(places, found)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def piece(whole: Any, rank: int, world: int) -> Any:
    """Return the rows of a whole tensor that a process keeps, as chunk() and FSDP2 cut."""
    chunks = whole.chunk(world)
    return chunks[rank] if rank < len(chunks) else whole[:0]


def _views(flat: Any, like: Sequence[Any]) -> list[Any]:
    """Return the parts of a flat tensor, one behind the other, in the shapes of others."""
    parts = flat[: sum(one.numel() for one in like)].split([one.numel() for one in like])
    return [part.view(one.shape) for part, one in zip(parts, like, strict=True)]


def _mean(parts: Any) -> Any:
    """Return the mean (N), in float32, of what each process sent (world, N)."""
    import torch

    if parts.is_cuda and find_spec("triton") is not None:
        from tasks.finetuning.kernels.triton_kernels import mean_of_parts

        return mean_of_parts(parts)
    return torch.mean(parts, dim=0, dtype=torch.float32)


def _gradient(parameter: Any) -> Any:
    import torch

    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _owners(causal: Any) -> dict[int, int]:
    """Return the layer's number by the id of each parameter in a layer."""
    layers = enumerate(causal.get_decoder().layers)
    return {id(p): number for number, layer in layers for p in layer.parameters()}


def _parts(
    trained: Sequence[tuple[str, Any]], owners: Mapping[int, int]
) -> list[list[tuple[str, Any]]]:
    """Return parameters in groups of BUCKET values or more, cut between layers alone."""
    groups = [list(g) for _, g in groupby(trained, key=lambda one: owners.get(id(one[1])))]
    parts: list[list[tuple[str, Any]]] = [[]]
    for group in groups:
        if sum(parameter.numel() for _, parameter in parts[-1]) >= BUCKET:
            parts.append([])
        parts[-1] += group
    return parts
