"""The training process as people and machines end it; each one takes some seconds to start."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from model_registry.digests import file_digest
from tasks.finetuning.checkpoints import MARKER, TENSORS
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob

MakeJob = Callable[..., TrainingJob]
Event = dict[str, Any]

# A parent that dies, without a word to its child, when it hears of the third step.
PARENT = """
import os, sys
from pathlib import Path
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob
job = TrainingJob.model_validate_json(Path(sys.argv[1]).read_text())
run_training(job, lambda event: os.kill(os.getpid(), 9) if event.get("step") == 3 else None)
"""


def pid_of(job: TrainingJob) -> int | None:
    """Return the process that trains a job, or None."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        ours = "tasks.finetuning.train_process" in command and f"{job.out}/.job.json" in command
        if ours and state(int(folder.name)) not in "ZX":
            return int(folder.name)
    return None


def state(pid: int) -> str:
    """Return a process's state letter (T: stopped, Z: ended, X: gone)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def kill(job: TrainingJob, number: int = signal.SIGKILL) -> None:
    if pid := pid_of(job):
        os.kill(pid, number)


def files(out: Path) -> dict[str, str]:
    """Return the digest of every file that counts as output."""
    names = {path: path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    return {name: file_digest(path) for path, name in names.items() if not name.startswith(".")}


def checkpoints(job: TrainingJob) -> list[int]:
    return sorted(int(path.name[5:]) for path in (Path(job.out) / ".checkpoints").glob("step-*"))


class Life:
    """One process's life, which `end` ends: where it began, how far it came, and its error."""

    def __init__(self, job: TrainingJob, at: int, end: Callable[[], None]) -> None:
        self.job, self.began, self.reached, self.error = job, -1, 0, None
        self._at, self._end = at, end
        try:
            run_training(job, self._hear)
        except PaddockError as error:
            self.error = error

    def _hear(self, event: Event) -> None:
        if event["event"] == "start":
            self.began = event["step"]
        if event["event"] == "step":
            self.reached = event["step"]
            if event["step"] == self.began + self._at:
                self._end()


def killed_by_its_parents_death(job: TrainingJob) -> None:
    job_file = Path(job.out) / ".given.json"
    job_file.write_text(job.model_dump_json())
    parent = subprocess.run([sys.executable, "-c", PARENT, job_file], check=False)
    assert parent.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while pid_of(job):
        assert time.monotonic() < deadline, "the trainer outlives its parent"
        time.sleep(0.05)
    assert not (Path(job.out) / "training.json").exists()


def killed_at_any_moment(job: TrainingJob, rng: random.Random) -> Life:
    timers: list[threading.Timer] = []

    def soon() -> None:
        timers.append(threading.Timer(rng.uniform(0, 0.03), lambda: kill(job)))
        timers[0].start()

    life = Life(job, rng.randrange(2, 7), soon)
    assert life.error is not None
    assert "killed" in life.error.what and "resumes" in life.error.remedy, life.error
    return life


def killed_inside_a_save(job: TrainingJob) -> tuple[Life, int]:
    """Stop the process whenever a save seems under way; if it is, kill it there."""
    found: list[int] = []
    folder = Path(job.out) / ".checkpoints"

    def torn() -> bool:
        newest = max(folder.glob("step-*"))
        return (newest / TENSORS).exists() and not (newest / MARKER).exists()

    def watch(pid: int) -> None:
        while not found and state(pid) not in "ZX":
            if torn():
                os.kill(pid, signal.SIGSTOP)
                while state(pid) != "T":
                    pass
                if torn():
                    found.append(int(max(folder.glob("step-*")).name[5:]))
                    os.kill(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGCONT)

    life = Life(job, 1, lambda: threading.Thread(target=watch, args=(pid_of(job),)).start())
    assert life.error is not None and found, "no save was caught"
    assert checkpoints(job)[-1] == found[0]
    return life, found[0]


def truncate(job: TrainingJob, step: int) -> None:
    path = Path(job.out) / f".checkpoints/step-{step:08d}" / TENSORS
    os.truncate(path, path.stat().st_size - 100)


def test_rows_6_to_9_whatever_ends_the_process_the_rerun_ends_in_the_same_bytes(
    finished: Any, make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "2")  # `finished` had another
    job = make_job(tmp_path / "out")

    killed_by_its_parents_death(job)

    first = killed_at_any_moment(job, random.Random())  # row 7
    assert first.began >= 2  # the parent died at step 3

    second, torn = killed_inside_a_save(job)  # row 8
    assert second.began >= first.reached - job.save_steps
    truncate(job, torn - job.save_steps)  # row 9: the one before it is torn too

    life = Life(job, 3, lambda: kill(job, signal.SIGTERM))  # row 6
    assert life.error is not None
    assert "asked to stop and saved a checkpoint" in life.error.what, life.error
    assert life.began == torn - 2 * job.save_steps
    saved = checkpoints(job)[-1]
    assert saved >= life.began + 3

    events: list[Event] = []
    summary = run_training(job, events.append)
    assert events[0]["step"] == saved
    assert summary == finished.summary
    assert files(tmp_path / "out") == files(Path(finished.job.out))


def test_row_10_out_of_memory_is_said_in_words(make_job: MakeJob, tmp_path: Path) -> None:
    """The process may take no more than it holds between two steps, and a step wants 100 MB."""
    job = make_job(tmp_path, max_seq_length=2048, num_train_epochs=200)
    sizes: list[int] = []

    def limit(_: Event) -> None:
        if pid := pid_of(job):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            sizes.append(pages * resource.getpagesize())
            resource.prlimit(pid, resource.RLIMIT_AS, (min(sizes), min(sizes)))

    with pytest.raises(PaddockError, match="out of memory") as error:
        run_training(job, limit)
    assert "max_seq_length (now 2048)" in error.value.remedy
    assert files(tmp_path) == {}


def test_a_base_that_is_no_llama_is_refused_as_input(
    make_job: MakeJob, base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "gpt2"
    shutil.copytree(base, other)
    (other / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="not LLaMA-shaped"):
        run_training(make_job(tmp_path / "out", base=str(other)), lambda _: None)
    assert files(tmp_path / "out") == {}


def test_an_unknown_failure_points_to_its_log_where_what_libraries_print_goes_too(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python imports sitecustomize at its start; this one prints among the process's events."""
    printing = "import atexit\natexit.register(print, 'a word of a library')\n"
    (tmp_path / "sitecustomize.py").write_text(printing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    job = make_job(tmp_path / "out").model_copy(update={"kind": "no kind of ours"})
    with pytest.raises(PaddockError, match="failed with exit code 1") as error:
        run_training(job, lambda _: None)
    log = Path(error.value.where.removeprefix("its log: ")).read_text()
    assert "ValidationError" in log and "a word of a library" in log
