"""Starts the training process, passes on what it reports, and turns its end into a result."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError, PaddockError
from tasks.finetuning.failures import PERHAPS, died_of_memory, out_of_memory
from tasks.finetuning.recipe import TrainingJob, TrainingSummary
from tasks.models.hardware import BRIEF_SPIN, TRAINING_SPIN

LOG, COMMAND = ".training.log", ".command"  # the second is what other nodes run
FIRST = "--node-rank=0"
NODE = '--node-rank="${NODE_RANK:?is 1 on the second node, 2 on the third, and so on}"'
STOP_SECONDS = 120
ENDS = ("done", "error", "failed", "stopped")
# Pages of 4 KiB cost a step on one core 1.34 s for 1.09 beside other work, on two quiet cores 0.78
# for 0.76: large ones, which are kept. Only glibc reads it; a setting of one's own goes before.
MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:"
    "glibc.malloc.trim_threshold=4294967296"
}
_MORE = "raise budget (now {:g}) and run again: training goes on from its last whole checkpoint"


def run_training(job: TrainingJob, on_event: Callable[[dict[str, Any]], None]) -> TrainingSummary:
    """Run a job to its end; PaddockError says how it failed and that a rerun resumes."""
    _require_budget(job)
    out = Path(job.out)
    job_file = out / ".job.json"
    job_file.write_text(job.model_dump_json(indent=1))
    command = training_command(job, job_file)
    final: dict[str, Any] = {}
    estimate: dict[str, float] | None = None
    if job.recipe.nodes > 1:
        others = " ".join(NODE if word == FIRST else shlex.quote(word) for word in command)
        (out / COMMAND).write_text(others + "\n")
        on_event({"event": "meeting", "nodes": job.recipe.nodes, "command": str(out / COMMAND)})
    with (out / LOG).open("a") as log:
        began = log.tell()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=training_environment(os.environ),
        )
        assert process.stdout is not None  # noqa: S101  (Popen was asked for a pipe)
        try:
            for line in process.stdout:
                if not line.endswith("\n"):
                    break  # the process was killed in mid-line
                event = json.loads(line)
                final = event if event["event"] in ENDS else final
                estimate = event.get("estimate_gib", estimate)
                on_event(event)
        except BaseException:
            _stop(process)
            raise
        code = process.wait()
    if final.get("event") == "done":  # said when all is written; how processes part is no matter
        return TrainingSummary.model_validate(final["summary"])
    if code > 0 and not final and died_of_memory(out / LOG, began):
        raise out_of_memory(job, estimate)
    raise _failure(code, final, job, out / LOG)


def training_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what training runs in: this environment, tuned where nobody has set it otherwise."""
    tuned = {**MEMORY, **environment}
    if tuned.get("GOMP_SPINCOUNT", BRIEF_SPIN) == BRIEF_SPIN and "OMP_WAIT_POLICY" not in tuned:
        tuned["GOMP_SPINCOUNT"] = TRAINING_SPIN
    return tuned


def _require_budget(job: TrainingJob) -> None:
    """Start nothing that would only be stopped: it would spend until its next checkpoint."""
    if spent := job.spending.overspent(job.spending.earlier_seconds):
        raise PaddockError(
            f"training has {spent} already",
            step="finetune",
            where=job.out,
            remedy=_MORE.format(job.spending.budget),
        )


def training_command(job: TrainingJob, job_file: Path) -> list[str]:
    """Return what trains: one process, or torchrun over one a GPU; of several nodes, the first.

    It must be the first, since that is where the process runs that reports for all.
    """
    recipe, entry = job.recipe, ["-m", "tasks.finetuning.train_process", str(job_file)]
    if recipe.gpus * recipe.nodes == 1:
        return [sys.executable, *entry]
    where = ["--standalone"]
    if recipe.nodes > 1 and not job.rendezvous:
        raise InputError(
            "several nodes must know where to meet",
            step="finetune",
            where=f"nodes: {recipe.nodes}",
            remedy="set PADDOCK_RENDEZVOUS to host:port of the first node, or nodes to 1",
        )
    if recipe.nodes > 1:
        # Not c10d, which numbers the nodes by their names and process ids.
        where = [f"--nnodes={recipe.nodes}", FIRST, "--rdzv-backend=static"]
        where += [f"--rdzv-endpoint={job.rendezvous}", f"--rdzv-id={job.base_digest[:12]}"]
    return [
        *(sys.executable, "-m", "torch.distributed.run", *where),
        *(f"--nproc-per-node={recipe.gpus}", "--max-restarts=0", *entry),
    ]


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask the process to end, which it does behind a checkpoint; end it if it takes too long."""
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(code: int, final: dict[str, Any], job: TrainingJob, log: Path) -> PaddockError:
    remedy = "run again: training resumes from its last whole checkpoint"
    if final.get("event") == "error":
        kind = InputError if final["exit_code"] == InputError.exit_code else PaddockError
        return kind(final["what"], step="finetune", where=final["where"], remedy=final["remedy"])
    if final.get("event") == "stopped":
        what = f"training {final['why']} and saved a checkpoint"
        if "budget" in final["why"]:
            remedy = _MORE.format(job.spending.budget)
    elif code == -signal.SIGKILL:
        what = "the training process was killed (signal 9), as by a machine short of memory"
    elif code < 0:
        what = f"the training process was killed by signal {-code}"
    elif final.get("event") == "failed":
        what, remedy = f"the training process failed: {final['what']}", final["remedy"]
    else:
        what, remedy = f"the training process failed with exit code {code}", PERHAPS
    return PaddockError(
        what,
        step="finetune",
        where=f"its log: {log}",
        remedy=remedy,
    )
