"""Several processes train what one does: real torchrun, gloo, FSDP2, on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from tasks.finetuning.launch import COMMAND, run_training, training_command
from tasks.finetuning.ranks import Ranks
from tasks.finetuning.recipe import Recipe, Spending, TrainingJob, TrainingSummary
from tasks.finetuning.sharding import shard

MakeJob = Callable[..., TrainingJob]
TOGETHER: dict[str, Any] = {"gpus": 2, "gradient_accumulation_steps": 1}
ALONE: dict[str, Any] = {"gpus": 1, "gradient_accumulation_steps": 2}
SHORT: dict[str, Any] = {"num_train_epochs": 1}
# Relative. Processes and threads add up in other orders, and a step hands its rounding to the next.
SAME = 1e-4


def ignore(_: dict[str, Any]) -> None: ...


@pytest.fixture(autouse=True)
def logs(tmp_path: Path) -> Generator[None]:
    """Show what the processes logged, where a test fails."""
    yield
    for log in sorted(tmp_path.rglob(".training.log")):
        print(log, log.read_text()[-4000:], sep="\n")


def weights(out: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(out / "model" / "model.safetensors")


def without_dropout(job: TrainingJob) -> TrainingJob:
    """Give the job a base without dropout, whose masks differ with the rows of a process."""
    folder = Path(job.out) / ".base"
    folder.mkdir(exist_ok=True)
    for path in Path(job.base).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.0}))
    return job.model_copy(update={"base": str(folder)})


Alone = Callable[..., tuple[Path, TrainingSummary]]


@pytest.fixture(scope="module")
def trained_alone(make_job: MakeJob, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """Return what trains in one process, once for each way, and tells in which folder."""
    done: dict[str, tuple[Path, TrainingSummary]] = {}

    def train(**way: Any) -> tuple[Path, TrainingSummary]:
        if (key := repr(way)) not in done:
            out = tmp_path_factory.mktemp("alone")
            job = make_job(out, **SHORT, **way, **ALONE)
            done[key] = out, run_training(without_dropout(job), ignore)
        return done[key]

    return train


PAIRS: dict[str, Any] = {"objective": "dpo", "kind": "preference", "max_seq_length": 256}


@pytest.mark.parametrize(("method", "more"), [("full", {}), ("lora", {}), ("full", PAIRS)])
def test_two_processes_train_what_one_does_with_the_same_rows_a_step(
    make_job: MakeJob, trained_alone: Alone, tmp_path: Path, method: str, more: dict[str, Any]
) -> None:
    import torch

    place, alone = trained_alone(method=method, **more)
    job = make_job(tmp_path, method=method, **SHORT, **more, **TOGETHER)
    together = run_training(without_dropout(job), ignore)
    assert together.steps == alone.steps > 3
    assert together.tokens == alone.tokens
    assert together.losses == pytest.approx(alone.losses, rel=SAME)
    assert together.validation_loss == pytest.approx(alone.validation_loss, rel=SAME)
    one, two = weights(place), weights(tmp_path)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name].float(), value.float(), rtol=0.02, atol=1e-3)


def test_what_two_processes_saved_one_goes_on_with(
    make_job: MakeJob, trained_alone: Alone, tmp_path: Path
) -> None:
    """And the other way round: shards are put together, or cut, as the number of them asks."""
    _, whole = trained_alone(method="lora")
    for first, then in ((TOGETHER, ALONE), (ALONE, TOGETHER)):
        out = tmp_path / f"{first['gpus']}-{then['gpus']}"
        begun = without_dropout(make_job(out, save_steps=2, **SHORT, **first))
        # A budget is looked at behind each checkpoint, so the run ends with its first.
        poor = Spending(gpu_hour_price=1e6, budget=1e-9 * 1e6)
        with pytest.raises(PaddockError, match="budget"):
            run_training(begun.model_copy(update={"spending": poor}), ignore)
        starts: list[int] = []

        def hear(event: dict[str, Any], starts: list[int] = starts) -> None:
            if event["event"] == "start":
                starts.append(event["step"])

        rest = run_training(without_dropout(make_job(out, **SHORT, **then)), hear)
        assert starts == [2]
        assert rest.losses == pytest.approx(whole.losses, rel=SAME)


def test_weights_in_4_bits_are_refused_before_anything_is_sharded() -> None:
    with pytest.raises(InputError, match="4 bits"):
        shard(None, None, Recipe(method="qlora"), False, Ranks(rank=0, world=2))


def test_several_nodes_are_told_where_to_meet(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path, gpus=4, nodes=2)
    with pytest.raises(InputError, match="where to meet"):
        training_command(job, tmp_path / "job.json")
    words = training_command(
        job.model_copy(update={"rendezvous": "first:29400"}), tmp_path / "job.json"
    )
    assert {"--nnodes=2", "--nproc-per-node=4", "--rdzv-endpoint=first:29400"} <= set(words)


def test_two_nodes_train_what_one_does(
    make_job: MakeJob, trained_alone: Alone, tmp_path: Path
) -> None:
    """The second node runs what the first one wrote for it, as a person would."""
    place_alone, alone = trained_alone(method="lora")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = {"gpus": 1, "nodes": 2, "gradient_accumulation_steps": 1}
    job = without_dropout(make_job(tmp_path / "first", rendezvous=place, **SHORT, **settings))
    second: list[subprocess.Popen[bytes]] = []

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "meeting":
            unnumbered = {name: v for name, v in os.environ.items() if name != "NODE_RANK"}
            command = ["sh", event["command"]]
            told = subprocess.run(command, env=unnumbered, stderr=subprocess.PIPE, check=False)
            assert told.returncode and b"1 on the second node" in told.stderr
            second.append(subprocess.Popen(command, env={**unnumbered, "NODE_RANK": "1"}))

    try:
        summary = run_training(job, hear)
        assert second[0].wait(timeout=60) == 0
    finally:
        for process in second:
            process.kill()
    assert summary.losses == pytest.approx(alone.losses, rel=SAME)
    assert not (place_alone / COMMAND).exists()


def test_weights_whole_or_in_shards_train_what_one_process_does(tmp_path: Path) -> None:
    """Also where one way goes on with what the other saved."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node=2", "-m", "tests.tasks.finetuning.several_ways", tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-4000:]
    found: dict[str, list[float]] = json.loads(lines[-1][7:])
    alone = found.pop("alone")
    assert len(alone) > 20 and len(set(alone[:4])) == 4  # steps, then weights
    assert sorted(found) == ["sharded", "sharded, then whole", "whole", "whole, then sharded"]
    for way, values in found.items():
        assert values == pytest.approx(alone, rel=SAME), way
