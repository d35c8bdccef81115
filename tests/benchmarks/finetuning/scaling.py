"""Measures our trainer over several GPUs: `python -m torch.distributed.run --nproc-per-node=N -m`.

The same shape and rows a GPU as alone, in processes that torchrun started; the first prints what
it measured as a line of JSON. `{"hold": "small"}` checks what must hold of several instead: that
they train what one does with the same rows a step, and that a run that was stopped goes on as if
nothing had been.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.ranks import ALONE, Ranks, join, leave
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.trainer import StoppedError, Trainer
from tests.benchmarks.finetuning import ours
from tests.benchmarks.finetuning.shapes import SHAPES, build, documents, lengths

ROW, STEPS, STOP = 1024, 8, 3


def main(arguments: list[str]) -> int:
    """Do one measurement, given as JSON."""
    settings = json.loads(arguments[0])
    ranks, device = join()
    shape = settings.pop("hold", None)
    try:
        if shape:
            found = hold(shape, device, ranks)
        else:
            found = ours.measure(device=device, ranks=ranks, **settings)
    except Exception as error:
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"[:500]}
    if ranks.first:
        sys.stdout.write(f"RESULT {json.dumps(found)}\n")
        sys.stdout.flush()
    leave(ranks)
    return 0


def hold(shape: str, device: Any, ranks: Ranks) -> dict[str, float]:
    """Return the largest relative differences in loss: of a resumed run, and from one process."""
    folder = Path(ranks.gather(tempfile.mkdtemp())[0])
    whole = _losses(shape, device, ranks, folder / "whole", 1, STEPS)
    _losses(shape, device, ranks, folder / "cut", 1, STOP)
    resumed = _losses(shape, device, ranks, folder / "cut", 1, STEPS)
    found = {"resumed": _apart(resumed, whole)}
    if ranks.first:
        alone = _losses(shape, device, ALONE, folder / "alone", ranks.world, STEPS)
        found |= {"alone": _apart(alone, whole), "first": whole[0], "last": whole[-1]}
    ranks.gather(None)
    return found


def _losses(
    shape: str, device: Any, ranks: Ranks, folder: Path, rows: int, last: int
) -> list[float]:
    """Train, or go on, until so many steps are done; return all losses so far."""
    import torch

    sizes = lengths(ROW * ranks.world * rows * STEPS, ROW)
    examples = documents(sizes, SHAPES[shape]["vocab_size"])
    settings = {"method": "full", "precision": "bf16", "max_seq_length": ROW, "max_steps": STEPS}
    recipe = Recipe.model_validate({**settings, "gradient_accumulation_steps": rows})
    model = build(shape, device, torch.bfloat16)
    trainer = Trainer(model, recipe, Supervised(examples), device, ranks)

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] >= last:
            trainer._stop = "stopped"  # pyright: ignore[reportPrivateUsage]

    with contextlib.suppress(StoppedError):
        trainer.run(folder, 100, stop)
    return trainer.losses


def _apart(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) / b for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
