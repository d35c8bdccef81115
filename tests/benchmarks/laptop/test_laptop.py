"""The comparison's own parts: what it compares is what it says, and what cannot be had is said."""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.laptop.builds import CHECKOUT, Build, BuildError, earlier_build, this_build
from tests.benchmarks.laptop.figures import accuracy, in_turn, ratio, steps
from tests.benchmarks.laptop.running import run
from tests.benchmarks.laptop.training import Catcher, Started, train, variables

# Stands in for a training process: it says its steps as one does.
STEPS = """
import json, sys
job = json.loads(open(sys.argv[-1]).read())
assert job["out"] in sys.argv[-1]
steps = job["recipe"]["max_steps"]
for step in range(1, steps + 1):
    print("a library's line")
    print(json.dumps({"event": "step", "step": step}))
print(json.dumps({"event": "done", "summary": {"steps": steps, "tokens": 100 * steps}}))
"""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return this_build(tmp_path)


def test_a_build_is_imported_from_its_own_folder(build: Build, tmp_path: Path) -> None:
    assert build.folder == CHECKOUT
    assert build.environment()["PADDOCK_HOME"].startswith(str(tmp_path))
    told = run(build.paddock("--help"), tmp_path, build.environment())
    assert any("rollback" in line for line in told.lines)
    with pytest.raises(BuildError, match="is not imported from its folder"):
        replace(build, folder=tmp_path).check()


def test_a_commit_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"0{40} is not in this checkout.*--against"):
        earlier_build("0" * 40, tmp_path)


def test_a_command_is_measured_and_its_failure_shown(tmp_path: Path) -> None:
    code = "import sys; b = bytearray(200 << 20); print('held', len(b)); sys.exit(int(sys.argv[1]))"
    words = [sys.executable, "-c", code]
    ended = run([*words, "1"], tmp_path, {}, may_leave=(0, 1))
    assert (ended.code, ended.lines) == (1, [f"held {200 << 20}"])
    # Linux counts what the process that starts another holds, until the other has begun.
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    assert 0.19 < ended.cost.peak_gib < max(1.0, 1.01 * ours)
    assert 0 < ended.cost.cpu_seconds < ended.cost.seconds * 64
    with pytest.raises(BuildError, match="left with 3:\n    held"):
        run([*words, "3"], tmp_path, {})


def test_builds_are_measured_in_turn_and_compared_by_their_medians(build: Build) -> None:
    other, order = replace(build, name="other"), list[str]()

    def measure(one: Build) -> float:
        order.append(one.name)
        return float(len(order))

    assert in_turn([other, build], 3, measure, str) == [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
    assert order == ["other", "this build"] * 3
    assert ratio([1.0, 2.0, 90.0], [5.0, 4.0, 1.0]) == 2.0


def test_the_accuracy_is_the_candidates() -> None:
    lines = [
        "Scores (95% intervals)                                base               candidate",
        "  desk_facts/accuracy                    0.0% [0.0%, 6.2%]    79.3% [69.0%, 89.7%]",
        "  FAIL  knows: desk_facts/accuracy of the candidate = 0.000 [0.000, 0.062]",
    ]
    assert accuracy(lines) == (79.3, 69.0, 89.7)
    with pytest.raises(ValueError, match="no desk_facts/accuracy"):
        accuracy(lines[2:])


def test_steps_are_read_from_the_progress() -> None:
    told = [
        "10:00:01    3/7 fine-tune: 5 of 306, loss 1.0",
        "    3/7 fine-tune: 306 of 306, 0 s left",
    ]
    assert (steps(told), steps(["nothing"])) == (306, 0)


def test_training_is_started_as_the_flow_did_elsewhere_and_shorter(
    build: Build, tmp_path: Path
) -> None:
    job = {"out": "/flow/out", "recipe": {"max_steps": 306, "seed": 0}}
    words = [sys.executable, "-c", STEPS, "/flow/out/.job.json"]
    started = Started(words, {}, job, "/flow/out/.job.json")
    assert train(build, started, tmp_path, 5, 2).tokens_per_second > 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("training")] == []
    with Catcher(build) as caught:
        pass
    with pytest.raises(BuildError, match=r"started no training in(.|\n)*refused"):
        caught.started(["refused"])


def test_tunables_that_glibc_parted_are_one_again() -> None:
    given = ["A=1=2", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", "glibc.malloc.top_pad=0", "", "B="]
    joined = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=0"
    assert variables(given) == {"A": "1=2", "GLIBC_TUNABLES": joined, "B": ""}
