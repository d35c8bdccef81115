#!/usr/bin/env bash
# `get_last_checkpoint` takes the highest number, even where the folder holds nothing yet.
#
# With: transformers 5.23.0, the function that training scripts ask for the place to resume from. A
# training killed while it writes leaves a folder of the next number, and the run that follows tries
# to resume from it, though the whole one before it is there.
# Seen: checkpoint-20, which is empty, beside a checkpoint-10 with weights and state.
# Held by: tests/tasks/finetuning/test_checkpoints.py::test_row_9_a_torn_checkpoint_falls_back_to_the_one_before
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check transformers==5.23.0

"$folder/venv/bin/python" - "$folder/run" <<'PYTHON'
import sys
from pathlib import Path

from transformers import __version__
from transformers.trainer_utils import get_last_checkpoint

run = Path(sys.argv[1])
(run / "checkpoint-10").mkdir(parents=True)
for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
    (run / "checkpoint-10" / name).write_text("{}")
(run / "checkpoint-20").mkdir()
found = get_last_checkpoint(str(run))
print(f"transformers {__version__}: {found}")
assert found == str(run / "checkpoint-20"), "not as it was seen"
PYTHON
