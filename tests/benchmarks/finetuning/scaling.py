"""Measures our trainer over several GPUs: `python -m torch.distributed.run --nproc-per-node=N -m`.

The same shape and rows a GPU as alone, in processes that torchrun started; the first prints what
it measured as a line of JSON.
"""

from __future__ import annotations

import json
import sys
import traceback

from tasks.finetuning.ranks import join, leave
from tests.benchmarks.finetuning import ours


def main(arguments: list[str]) -> int:
    """Do one measurement, given as JSON."""
    settings = json.loads(arguments[0])
    ranks, device = join()
    try:
        found = ours.measure(device=device, ranks=ranks, **settings)
    except Exception as error:
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"[:500]}
    if ranks.first:
        sys.stdout.write(f"RESULT {json.dumps(found)}\n")
        sys.stdout.flush()
    leave(ranks)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
