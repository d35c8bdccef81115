"""Rows 10 to 13: a training that runs out of memory or disk, or whose loss is no number."""

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
from data_contracts.snapshot.reading import read_records
from tasks.finetuning import failures
from tasks.finetuning.checkpoints import MARKER
from tasks.finetuning.failures import explain
from tasks.finetuning.launch import run_training
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.recipe import TrainingJob
from tasks.finetuning.tokenizing import encode
from tasks.finetuning.train_process import main
from tasks.finetuning.trainer import Trainer
from tasks.models.loading import load_model

MakeJob = Callable[..., TrainingJob]
Event = dict[str, Any]


def run_here(job: TrainingJob) -> tuple[int, list[Event]]:
    """Run what the process runs, in this one; return its exit code and its events."""
    job_file = Path(job.out) / ".given.json"
    job_file.write_text(job.model_dump_json())
    events = io.StringIO()
    code = main([str(job_file)], events)
    return code, [json.loads(line) for line in events.getvalue().splitlines()]


def test_row_10_out_of_memory_is_said_in_words(
    make_job: MakeJob, tmp_path: Path, trainers: Any
) -> None:
    """The process may take no more than it holds between two steps, and a step wants 100 MB."""
    job = make_job(tmp_path, max_seq_length=2048, num_train_epochs=200)
    sizes: list[int] = []

    def limit(_: Event) -> None:
        if pid := trainers.pid(job.out):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            sizes.append(pages * resource.getpagesize())
            resource.prlimit(pid, resource.RLIMIT_AS, (min(sizes), min(sizes)))

    with pytest.raises(PaddockError, match="out of memory") as error:
        run_training(job, limit)
    assert "max_seq_length (now 2048)" in error.value.remedy
    assert trainers.files(tmp_path) == {}


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
    start = next(event for event in events if event["event"] == "start")
    assert code == 0 and start["step"] == good
    assert events[-1]["summary"]["steps"] == start["steps"]


def test_rows_10_11_13_the_machine_s_failures_are_said_in_words(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    job = make_job(tmp_path)
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        OSError(12, "Cannot allocate memory"),
        ImportError("/some/library.so: failed to map segment from shared object"),
        MemoryError(),
    ):
        told = explain(error, job)
        assert told is not None and told.what == "out of memory"
        assert "per_device_train_batch_size (now 1)" in told.remedy
    silent = SystemError("error return without exception set")  # of C code, in an import as well
    assert explain(silent, job) is None
    monkeypatch.setattr(failures, "bounded", lambda: True)
    told = explain(silent, job)
    assert told is not None and told.what == "out of memory"
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


@pytest.fixture
def memory_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[tuple[int, bool]]]:
    """Return a function that gives a model memory for so many tokens a pass.

    It raises what torch raises on a GPU; twice as many tokens fit with gradient checkpointing. The
    list holds what was tried: (tokens, with gradient checkpointing).
    """
    import torch
    from transformers import LlamaModel

    tried: list[tuple[int, bool]] = []
    really = LlamaModel.forward

    def give(most: int) -> list[tuple[int, bool]]:
        def forward(model: Any, *given: Any, **named: Any) -> Any:
            tokens = (named["input_ids"] if "input_ids" in named else given[0]).numel()
            tried.append((tokens, bool(model.is_gradient_checkpointing)))
            if tokens > most * (2 if model.is_gradient_checkpointing else 1):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return really(model, *given, **named)

        monkeypatch.setattr(LlamaModel, "forward", forward)
        return tried

    return give


@pytest.fixture
def try_out(make_job: MakeJob, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes a trainer and lets it try its largest step, as on a GPU."""
    import torch

    def run(**changed: Any) -> Any:
        job = make_job(tmp_path, method="full", **changed)
        model, tokenizer = load_model(Path(job.base), dtype="float32")
        examples = encode(read_records(Path(job.snapshot), "train"), tokenizer, 192)
        trainer = Trainer(model, job.recipe, Supervised(examples), torch.device("cpu"))
        trainer._try_out()  # pyright: ignore[reportPrivateUsage]
        return trainer

    return run


def test_row_11_auto_batch_halves_a_pass_until_it_fits_the_gpu(
    memory_for: Any, try_out: Callable[..., Any]
) -> None:
    tried = memory_for(500)  # two rows of 192 tokens
    fit = try_out(gradient_accumulation_steps=8, auto_batch=True).fit
    assert (fit.rows, fit.checkpointing) == (2, 0)
    assert [way for _, way in tried] == [False] * 3  # eight rows, four, two
    assert tried[0][0] > tried[1][0] > 500 >= tried[2][0]


def test_row_11_then_it_computes_twice(memory_for: Any, try_out: Callable[..., Any]) -> None:
    tried = memory_for(120)  # a row with gradient checkpointing, none without
    fit = try_out(gradient_accumulation_steps=4, auto_batch=True).fit
    assert (fit.rows, fit.checkpointing) == (1, 1)  # of two layers, a quarter at a time
    assert [way for _, way in tried] == [False, False, False, True]


def test_row_11_what_fits_in_no_way_ends_training_with_advice(
    memory_for: Any, try_out: Callable[..., Any], make_job: MakeJob, tmp_path: Path
) -> None:
    import torch

    memory_for(10)
    with pytest.raises(torch.OutOfMemoryError):
        try_out(gradient_accumulation_steps=4, auto_batch=True)
    job = make_job(tmp_path, method="full", per_device_train_batch_size=64)
    code, events = run_here(job)
    assert code == 1 and events[-1]["event"] == "error"
    assert re.match(r"out of memory; the estimate was [\d.]+ GiB \(weights ", events[-1]["what"])
    for advice in ("max_seq_length (now 192)", "per_device_train_batch_size (now 64)", "lora"):
        assert advice in events[-1]["remedy"]
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
