"""Says in people's words what stopped a training: memory, disk, or something to look up.

Pure functions over exceptions and the training process's log.
"""

from __future__ import annotations

import resource
import traceback
from collections.abc import Mapping
from pathlib import Path

from data_contracts.errors import PaddockError
from tasks.finetuning.recipe import TrainingJob

# How libraries word it: torch, Python, the C++ runtime, the C library's loader; and OpenMP and
# Python where a new thread gets no stack.
NO_MEMORY = (
    "out of memory",
    "can't allocate",
    "cannot allocate",
    "bad_alloc",
    "thread creation failed",
    "can't start new thread",
    "failed to map segment",  # the loader, of a library
)
NO_SPACE = ("no space left", "quota exceeded", "file too large")
# What a program raises over what it was given, and raises again when it is given the same.
_OF_THE_PROGRAM = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
AGAIN = (
    "the same rows, base and settings fail the same way again: its log says more; change what it "
    "names, or report it with this place"
)
PERHAPS = (
    "look at the end of its log: where the machine failed, run again, and training resumes from "
    "its last whole checkpoint; what the program refused it refuses again"
)
_LAST_WORDS = 2000  # bytes


def explain(
    error: Exception, job: TrainingJob, estimate: Mapping[str, float] | None = None
) -> PaddockError | None:
    """Return an error for people: one of ours, or the machine's; None for anything else.

    `estimate` is what the run was reckoned to need of memory, in GiB, by use.
    """
    text = str(error).lower()
    if isinstance(error, PaddockError):
        return error
    # C code that found none, in an import as well, may end without a word of its own.
    wordless = isinstance(error, SystemError) and bounded()
    if isinstance(error, MemoryError) or wordless or any(mark in text for mark in NO_MEMORY):
        return out_of_memory(job, estimate)
    if any(mark in text for mark in NO_SPACE):
        return PaddockError(
            "the disk is full, or a quota or limit on files is reached",
            step="finetune",
            where=job.out,
            remedy="free some space and run again: training resumes from its last checkpoint",
        )
    return None


def bounded() -> bool:
    """Tell whether this process may take so much memory and no more (`ulimit -v`, `-d`)."""
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)


def unexpected(error: Exception) -> dict[str, str]:
    """Return an event that says what nobody foresaw and where, and quotes no row."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ", ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames[-2:])
    remedy = AGAIN if isinstance(error, _OF_THE_PROGRAM) else PERHAPS
    kind = type(error).__name__
    return {"event": "failed", "what": f"{kind} in {place}", "remedy": remedy}


def out_of_memory(job: TrainingJob, estimate: Mapping[str, float] | None = None) -> PaddockError:
    """Return the error that says what was reckoned to use the memory, and the settings to lower."""
    recipe = job.recipe
    what = "out of memory"
    if estimate:
        uses = ", ".join(f"{name} {size:g}" for name, size in estimate.items() if name != "total")
        what += f"; the estimate was {estimate['total']:g} GiB ({uses})"
    now = recipe.max_seq_length or "chosen from the data: see the line about rows"
    lower = f"lower max_seq_length (now {now})"
    if not recipe.auto_batch:
        size = recipe.per_device_train_batch_size
        lower += f" or per_device_train_batch_size (now {size})"
    if recipe.gradient_checkpointing is False:
        lower += ", or set gradient_checkpointing"
    if recipe.method != "qlora":
        smaller = "lora" if recipe.method == "full" else "qlora"
        lower += f", or train with method {smaller}"
    return PaddockError(
        what,
        step="finetune",
        where="the training process",
        remedy=lower,
    )


def died_of_memory(log: Path, began: int) -> bool:
    """Tell whether a process's last words, behind byte `began` of its log, are of memory.

    Where a thread cannot get its memory, the C library ends the process before Python can speak.
    """
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(began, size - _LAST_WORDS))
        words = file.read().decode("utf-8", "replace").lower()
    return any(mark in words for mark in NO_MEMORY)
