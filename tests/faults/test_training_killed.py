"""Rows 6 to 9: the training process as people and machines end it.

Each process takes some seconds to start. Whatever ends one, the rerun ends in the bytes of a run
that nothing disturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import PaddockError
from tasks.finetuning.checkpoints import MARKER, TENSORS
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob

MakeJob = Callable[..., TrainingJob]
GoesOn = Callable[[TrainingJob], int]
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


def checkpoints(job: TrainingJob) -> list[int]:
    return sorted(int(path.name[5:]) for path in (Path(job.out) / ".checkpoints").glob("step-*"))


def torn(job: TrainingJob) -> bool:
    newest = max((Path(job.out) / ".checkpoints").glob("step-*"))
    return (newest / TENSORS.format(0)).exists() and not (newest / MARKER).exists()


def truncate(job: TrainingJob, step: int) -> None:
    path = Path(job.out) / f".checkpoints/step-{step:08d}" / TENSORS.format(0)
    os.truncate(path, path.stat().st_size - 100)


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


@pytest.fixture(autouse=True)
def other_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sets come in another order than in the run that nothing disturbed."""
    monkeypatch.setenv("PYTHONHASHSEED", "2")


@pytest.fixture
def goes_on(finished: Any, trainers: Any) -> GoesOn:
    """Run a job to its end, which is the undisturbed run's to the byte; return where it began."""

    def run(job: TrainingJob) -> int:
        events: list[Event] = []
        assert run_training(job, events.append) == finished.summary
        assert trainers.files(job.out) == trainers.files(finished.job.out)
        return next(event["step"] for event in events if event["event"] == "start")

    return run


def test_row_06_sigterm_saves_a_checkpoint_and_the_rerun_goes_on_from_it(
    make_job: MakeJob, tmp_path: Path, trainers: Any, goes_on: GoesOn
) -> None:
    job = make_job(tmp_path / "out", save_steps=100)
    life = Life(job, 3, lambda: trainers.kill(job.out, signal.SIGTERM))
    assert life.error is not None
    assert "asked to stop and saved a checkpoint" in life.error.what, life.error
    (saved,) = checkpoints(job)
    assert saved >= 3 and not torn(job)
    assert goes_on(job) == saved


def killed_by_its_parents_death(job: TrainingJob, trainers: Any) -> None:
    job_file = Path(job.out) / ".given.json"
    job_file.write_text(job.model_dump_json())
    parent = subprocess.run([sys.executable, "-c", PARENT, job_file], check=False)
    assert parent.returncode == -signal.SIGKILL
    trainers.wait_for(lambda: not trainers.pids(job.out), 20)  # it does not outlive its parent
    assert not (Path(job.out) / "training.json").exists()


def killed_at_any_moment(job: TrainingJob, trainers: Any, rng: random.Random) -> Life:
    def soon() -> None:
        threading.Timer(rng.uniform(0, 0.03), lambda: trainers.kill(job.out)).start()

    life = Life(job, rng.randrange(2, 7), soon)
    assert life.error is not None
    assert "killed" in life.error.what and "resumes" in life.error.remedy, life.error
    return life


def test_row_07_killed_at_any_moment_no_more_than_save_steps_are_lost(
    make_job: MakeJob, tmp_path: Path, trainers: Any, goes_on: GoesOn
) -> None:
    job = make_job(tmp_path / "out")
    killed_by_its_parents_death(job, trainers)
    life = killed_at_any_moment(job, trainers, random.Random())
    assert life.began >= 2  # the parent died at step 3
    assert goes_on(job) >= life.reached - job.save_steps


def killed_inside_a_save(job: TrainingJob, trainers: Any, moment: int) -> tuple[Life, int]:
    """Kill the process in the midst of its next save; return its life and the torn step.

    With strace, at its so-many-th fsync, of which a save has three before it is whole. Without,
    the process is stopped whenever a save seems under way; if it is, it is killed there.
    """

    def trace() -> None:
        pid = trainers.pid(job.out)
        inject = f"--inject=fsync,fdatasync:signal=KILL:when={moment}"
        command = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", inject, "-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        status = Path(f"/proc/{pid}/status")
        trainers.wait_for(lambda: tracer.poll() or "TracerPid:\t0\n" not in status.read_text())
        assert tracer.poll() is None, "strace may not trace here"

    def watch() -> None:
        threading.Thread(target=kill_when_torn, args=(job, trainers)).start()

    life = Life(job, 3, trace if shutil.which("strace") else watch)
    assert life.error is not None and "killed (signal 9)" in life.error.what, life.error
    assert torn(job), "it was killed outside of a save"
    return life, checkpoints(job)[-1]


def kill_when_torn(job: TrainingJob, trainers: Any) -> None:
    pid = trainers.pid(job.out)
    while pid and trainers.state(pid) not in "ZX":
        if torn(job):
            os.kill(pid, signal.SIGSTOP)
            while trainers.state(pid) not in "tTZX":
                pass
            os.kill(pid, signal.SIGKILL if torn(job) else signal.SIGCONT)


def test_row_08_killed_inside_a_save_it_falls_back_one_checkpoint(
    make_job: MakeJob, tmp_path: Path, trainers: Any, goes_on: GoesOn
) -> None:
    job = make_job(tmp_path / "out")
    first, cut = killed_inside_a_save(job, trainers, moment=1)
    assert cut >= 4
    second, again = killed_inside_a_save(job, trainers, moment=3)
    assert second.began == cut - job.save_steps >= first.reached - job.save_steps
    truncate(job, again - job.save_steps)  # row 9 as well: the one before it is torn too
    assert goes_on(job) == again - 2 * job.save_steps


def test_row_09_a_truncated_checkpoint_is_passed_over(
    make_job: MakeJob, tmp_path: Path, trainers: Any, goes_on: GoesOn
) -> None:
    job = make_job(tmp_path / "out")
    Life(job, 5, lambda: trainers.kill(job.out, signal.SIGTERM))
    older, newest = checkpoints(job)
    truncate(job, newest)
    assert goes_on(job) == older
