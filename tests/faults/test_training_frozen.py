"""Row 5: a worker that is frozen and given up, and is revived when another has done its work."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from model_registry.candidates import list_candidates
from model_registry.tracking import open_registry
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob
from tasks.human_review.rating import read_ratings
from tasks.human_review.sample import read_sample

Ended = subprocess.CompletedProcess[str]
MakeJob = Callable[..., TrainingJob]

# A parent that freezes itself when it hears of the third step.
PARENT = """
import os, signal, sys
from pathlib import Path
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob
job = TrainingJob.model_validate_json(Path(sys.argv[1]).read_text())
def hear(event):
    if event.get("step") == 3:
        os.kill(os.getpid(), signal.SIGSTOP)
run_training(job, hear)
"""


def test_row_05_a_frozen_trainer_that_is_revived_does_nothing_twice(
    make_job: MakeJob, finished: Any, tmp_path: Path, trainers: Any
) -> None:
    """Its parent is given up and killed; a second training waits until it has ended."""
    job = make_job(tmp_path / "out")
    job_file = tmp_path / "given.json"
    job_file.write_text(job.model_dump_json())
    with subprocess.Popen([sys.executable, "-c", PARENT, job_file]) as parent:
        trainers.wait_for(lambda: trainers.state(parent.pid) == "T")
        frozen = trainers.pid(job.out)
        os.kill(frozen, signal.SIGSTOP)
        parent.kill()
    events: list[dict[str, Any]] = []
    second = threading.Thread(target=lambda: run_training(job, events.append))
    second.start()
    trainers.wait_for(lambda: len(trainers.pids(job.out)) == 2)
    time.sleep(8)  # enough to load and to begin, if it did not wait
    assert events == [] and second.is_alive()
    os.kill(frozen, signal.SIGCONT)
    second.join(120)
    assert trainers.state(frozen) in "ZX"
    assert next(event["step"] for event in events if event["event"] == "start") >= 2
    assert events[-1]["summary"] == json.loads(finished.summary.model_dump_json())
    assert trainers.files(job.out) == trainers.files(finished.job.out)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["3/7", "5/7"])
def test_row_05_a_worker_revived_behind_another_registers_nothing_again(
    line: str,
    paddock: Callable[..., Ended],
    home_environment: Callable[[Path], dict[str, str]],
    make_home: Callable[[Path], Path],
    run_words: list[str],
    tmp_path: Path,
) -> None:
    """Two machines over one store and one MLflow; one is frozen in training, or registering."""
    shared = {
        "PADDOCK_STORE": str(tmp_path / "store"),
        "PADDOCK_KEYS": str(tmp_path / "keys"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "PADDOCK_MLFLOW_ARTIFACTS": f"file://{tmp_path}/artifacts",
    }
    command = [str(Path(sys.executable).with_name("paddock")), *run_words]
    with (
        (tmp_path / "first.log").open("w+") as log,
        subprocess.Popen(
            command,
            env=home_environment(make_home(tmp_path / "first")) | shared,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as first,
    ):
        said = tmp_path / "first.log"
        try:
            while line not in said.read_text():
                assert first.poll() is None, said.read_text()
                time.sleep(0.02)
            time.sleep(random.uniform(0, 4.0 if line == "3/7" else 0.3))
            os.killpg(first.pid, signal.SIGSTOP)
            other = paddock(make_home(tmp_path / "second"), *run_words, **shared)
            assert other.returncode == 1, other.stderr
            assert "version 1: REFUSED by its gates" in other.stdout
            os.killpg(first.pid, signal.SIGCONT)
            first.wait(240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(first.pid, signal.SIGKILL)
        assert first.returncode == 1, said.read_text()
    assert "version 1: REFUSED by its gates" in said.read_text()

    registry = open_registry(shared["MLFLOW_TRACKING_URI"], shared["PADDOCK_MLFLOW_ARTIFACTS"])
    assert len(list_candidates(registry, "shelves")) == 1
    (sample,) = (path.parent for path in (tmp_path / "store/sample").glob("*/manifest.json"))
    assert read_ratings(registry, "shelves", read_sample(sample)).items == 24
    made = sorted(path.parts[-3] for path in (tmp_path / "store").glob("*/*/manifest.json"))
    assert made.count("model") == 1 and made.count("scorecard") == 1
