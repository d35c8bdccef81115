"""What ends training from within: run in this process, as the training process runs it."""

from __future__ import annotations

import io
import json
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from data_contracts.snapshot import read_records
from tasks.finetuning.checkpoints import MARKER
from tasks.finetuning.failures import explain
from tasks.finetuning.readings import require_sound
from tasks.finetuning.recipe import TrainingJob
from tasks.finetuning.train_process import main, train

MakeJob = Callable[..., TrainingJob]
Event = dict[str, Any]


def run_here(job: TrainingJob) -> tuple[int, list[Event]]:
    """Run what the process runs, in this one; return its exit code and its events."""
    job_file = Path(job.out) / ".given.json"
    job_file.write_text(job.model_dump_json())
    events = io.StringIO()
    code = main([str(job_file)], events)
    return code, [json.loads(line) for line in events.getvalue().splitlines()]


def test_row_12_a_loss_that_is_no_number_ends_training(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path, method="full", learning_rate=1e9)
    code, events = run_here(job)
    assert code == 1 and events[-1]["event"] == "error"
    assert re.search("(loss|gradient) became (nan|inf) at step", events[-1]["what"])
    assert "lower learning_rate" in events[-1]["remedy"]
    assert not (tmp_path / "model").exists()
    known = {identity for identity, _ in read_records(Path(job.snapshot), "train")}
    named = set(events[-1]["where"].removeprefix("rows ").split(", "))
    assert named and named <= known


def test_a_loss_that_explodes_ends_training_with_its_rows() -> None:
    before = [4.0 - 0.05 * step for step in range(60)]
    rows = [f"row-{number}" for number in range(25)]
    require_sound(60, 9.9 * 2.275, 1.0, before, 3, rows)
    with pytest.raises(PaddockError, match=r"loss went from 2\.27 to 30 at step 61") as error:
        require_sound(60, 30.0, 1.0, before, 3, rows)
    assert error.value.where.startswith("rows row-0, row-1,")
    assert error.value.where.endswith("row-19 and 5 more")
    require_sound(10, 30.0, 1.0, before[:10], 3, rows)  # too early to know what is usual
    require_sound(60, 30.0, 1.0, before, 61, rows)  # it still warms up
    low = [4.0, *[0.02] * 60]
    require_sound(61, 0.5, 1.0, low, 3, rows)  # no worse than where it began
    with pytest.raises(PaddockError, match="gradient became inf at step 2"):
        require_sound(1, 1.0, float("inf"), [4.0], 3, rows)


@contextmanager
def small_disk(place: Path) -> Generator[int]:
    """Give a disk of 3.5 MB where one may be mounted, which root may; else files end at 1 MB.

    Yields the last step whose checkpoint of 1.4 MB finds room, two being kept.
    """
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3500k", "paddock-test", str(place)]
    with suppress(OSError):
        subprocess.run(mount, check=False, capture_output=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    mounted = place.is_mount()
    if not mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        yield 4 if mounted else 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        if mounted:
            subprocess.run(["umount", str(place)], check=True)


def test_row_13_a_disk_that_fills_at_a_checkpoint_leaves_the_last_good_ones(
    make_job: MakeJob, tmp_path: Path
) -> None:
    roomy = make_job(tmp_path / "roomy", method="full")
    with small_disk(tmp_path / "disk") as good:
        job = make_job(tmp_path / "disk/out", method="full")
        code, events = run_here(job)
        shutil.copytree(job.out, roomy.out, dirs_exist_ok=True)
    assert code == 1 and events[-1]["event"] == "error"
    assert "disk is full" in events[-1]["what"] and events[-1]["where"] == job.out
    assert "free some space and run again" in events[-1]["remedy"]
    assert not (tmp_path / "roomy/model").exists()
    torn = max((tmp_path / "roomy/.checkpoints").glob("step-*"))
    assert int(torn.name[5:]) > good and not (torn / MARKER).exists()

    code, events = run_here(roomy)
    assert code == 0 and events[0]["step"] == good
    assert events[-1]["summary"]["steps"] == events[0]["steps"]


def test_rows_that_all_lose_their_answer_are_refused(make_job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(PaddockError, match="no row is left"):
        train(make_job(tmp_path, max_seq_length=16), tmp_path, lambda _: None)
    assert not (tmp_path / "model").exists()


def test_the_last_update_must_leave_a_model_that_still_computes(
    make_job: MakeJob, tmp_path: Path
) -> None:
    """One step only, so no later loss of training can tell."""
    job = make_job(tmp_path, method="full", learning_rate=1e30, max_steps=1)
    with pytest.raises(PaddockError, match="loss became"):
        train(job, tmp_path, lambda _: None)
    assert not (tmp_path / "model").exists()


def test_rows_10_11_and_13_the_machine_s_failures_are_said_in_words(
    make_job: MakeJob, tmp_path: Path
) -> None:
    import torch

    job = make_job(tmp_path)
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        OSError(12, "Cannot allocate memory"),
        MemoryError(),
    ):
        told = explain(error, job)
        assert told is not None and told.what == "out of memory"
        assert "per_device_train_batch_size (now 1)" in told.remedy
    estimate = {"weights": 2.5, "activations": 20.25, "total": 22.75}
    told = explain(MemoryError(), job, estimate)
    assert told is not None
    assert told.what == (
        "out of memory; the estimate was 22.75 GiB (weights 2.5, activations 20.25)"
    )
    full = make_job(tmp_path, method="full", auto_batch=True, gradient_checkpointing=False)
    told = explain(MemoryError(), full, estimate)
    assert told is not None and "per_device" not in told.remedy
    assert "set gradient_checkpointing, or train with method lora" in told.remedy
    for number in (28, 122):
        told = explain(
            OSError(number, {28: "No space left", 122: "Disk quota exceeded"}[number]), job
        )
        assert told is not None and "disk is full" in told.what
    refusal = InputError("x", step="y")
    assert explain(refusal, job) is refusal
    assert explain(ValueError("tokens of a record"), job) is None
