"""The decoder's operations as Triton kernels: one launch each, only what is needed is read.

Same results as `operations.Plain`, up to the order in which float32 sums are taken. Attention
reads a slot's cache up to its position, once for all the queries of a group; where there are fewer
programs than a GPU has room for, a text is split among several.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tasks.models.decoding import kernels
from tasks.models.decoding.operations import Board, Rows
from tasks.models.decoding.weights import Shape

SCORES = 64  # cached tokens that a program of attention reads at a time
MOST_SPLITS = 16
LOGITS = 4096  # of a row that one program compares


def available() -> bool:
    """Tell whether Triton can compile here (it also needs a C compiler): try the least kernel."""
    import torch

    if kernels.triton is None:
        return False
    try:
        x = torch.ones(1, 32, device="cuda")
        kernels.swiglu[(1, 1)](x, torch.empty(1, 16, device="cuda"), 16, block=16)
    except Exception:  # whatever the compiler lacks, torch's own operations do
        return False
    return True


class Fused:
    """The operations of `Plain` on a GPU."""

    name = "triton"

    def __init__(self, shape: Shape, processors: int | None = None) -> None:
        self.shape = shape
        self.processors = processors or _processors()

    def add_norm(self, x: Any, residual: Any, weight: Any) -> tuple[Any, Any]:
        """Return (RMSNorm(x + residual) * weight, x + residual); the sum is taken in place."""
        import torch

        out = torch.empty_like(x)
        rows, width = x.shape
        total = x if residual is None else residual
        first, block = residual is None, _power(width)
        kernels.add_norm[(rows,)](
            x,
            total,
            weight,
            out,
            width,
            self.shape.epsilon,
            first=first,
            block=block,
            num_warps=max(4, min(16, block // 512)),
        )
        return out, total

    def turns(self, cos: Any, sin: Any, positions: Any) -> tuple[Any, Any]:
        """Return the whole tables: the kernel looks the positions up."""
        return cos, sin

    def rotate(
        self, qkv: Any, slots: Any, positions: Any, keys: Any, values: Any, turn: tuple[Any, Any]
    ) -> None:
        """Rotate queries and keys in place, and put keys and values away."""
        shape = self.shape
        kernels.rotate[(len(qkv),)](
            qkv,
            slots,
            positions,
            *turn,
            keys,
            values,
            *keys.stride()[:2],
            heads=shape.heads,
            groups=shape.groups,
            half=shape.dim // 2,
            turned_block=_power(shape.heads + shape.groups),
            group_block=_power(shape.groups),
            half_block=_power(shape.dim // 2),
        )

    def attend(self, qkv: Any, rows: Rows, keys: Any, values: Any) -> Any:
        """Return (rows, heads * dim): each row's attention over what its slot holds."""
        import torch

        shape, count = self.shape, len(qkv)
        out = torch.empty(count, shape.heads * shape.dim, dtype=qkv.dtype, device=qkv.device)
        splits = self._splits(count, rows.longest)
        parts, sums = out, out
        if splits > 1:
            size = (count, shape.heads, splits)
            parts = torch.empty(*size, shape.dim, dtype=torch.float32, device=qkv.device)
            sums = torch.empty(*size, 2, dtype=torch.float32, device=qkv.device)
        kernels.attend[(count, shape.groups, splits)](
            qkv,
            rows.slots,
            rows.positions,
            keys,
            values,
            parts,
            sums,
            *keys.stride()[:2],
            shape.scale,
            heads=shape.heads,
            groups=shape.groups,
            dim=shape.dim,
            dim_block=max(16, _power(shape.dim)),
            queries=max(16, _power(shape.heads // shape.groups)),
            block=SCORES,
            splits=splits,
            num_stages=3,
        )
        if splits > 1:
            kernels.combine[(count * shape.heads,)](
                parts,
                sums,
                out,
                dim=shape.dim,
                dim_block=_power(shape.dim),
                splits=splits,
                split_block=_power(splits),
                num_warps=2,
            )
        return out

    def swiglu(self, gate_up: Any) -> Any:
        """Return silu(gate) * up of (rows, 2 inner)."""
        import torch

        rows, inner = gate_up.shape[0], gate_up.shape[1] // 2
        out = torch.empty(rows, inner, dtype=gate_up.dtype, device=gate_up.device)
        block = min(1024, _power(inner))
        kernels.swiglu[(rows, -(-inner // block))](gate_up, out, inner, block=block)
        return out

    def advance(self, logits: Any, slots: Any, board: Board) -> None:
        """Choose each row's likeliest token and write it down where the slot's text goes on."""
        import torch

        rows, vocabulary = logits.shape
        chunks = -(-vocabulary // LOGITS)
        best = torch.empty(rows, chunks, dtype=torch.float32, device=logits.device)
        where = torch.empty(rows, chunks, dtype=torch.int32, device=logits.device)
        mass = torch.empty_like(best)
        kernels.likeliest[(rows, chunks)](
            logits, best, where, mass, vocabulary, chunks, block=LOGITS, num_warps=8
        )
        kernels.advance[(rows,)](
            best,
            where,
            mass,
            slots,
            board.state,
            board.answers,
            board.counts,
            board.ended,
            board.ends,
            board.sums,
            board.state.shape[1],
            board.answers.shape[1],
            chunks,
            end_count=len(board.ends),
            end_block=_power(len(board.ends)),
            chunk_block=_power(chunks),
            num_warps=1,
        )

    def _splits(self, rows: int, longest: int) -> int:
        programs = rows * self.shape.groups
        wanted = 2 * self.processors // programs
        return max(1, min(wanted, MOST_SPLITS, -(-longest // SCORES)))


def _power(number: int) -> int:
    """Return the least power of two that is not below a number."""
    return 1 << max(0, number - 1).bit_length()


@cache
def _processors() -> int:
    import torch

    return torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count
