"""`make bench-laptop`: this build against an earlier one (75d9676), in turn on this machine.

It clones that commit into a temporary folder and lets each build run that commit's demo in a home
of its own: its rows, its eval sets, its public words; 4 steps of it. Then, in turn: the flow's own
training process at the demo's settings, the evaluation's answers, and the run again with nothing
left to do. Some 12 minutes on 2 cores. --whole runs the demo to its end instead, which takes 15 to
60 minutes more and gives the first run's time and accuracy. Wall seconds are of this machine as
busy as it is: take the ratios; the processor seconds beside them are less disturbed by what else
runs. Exit code 1 if a ratio misses.
TRL's packing is measured too, where trl is installed. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.models.hardware import device_and_precision
from tests.benchmarks.laptop import asking
from tests.benchmarks.laptop.builds import Build, BuildError, earlier_build, this_build
from tests.benchmarks.laptop.earlier_demo import demo_as_source, eval_sets
from tests.benchmarks.laptop.figures import accuracy, in_turn, ratio, steps
from tests.benchmarks.laptop.running import Ended, run
from tests.benchmarks.laptop.training import Catcher, Started, Trained, train
from tests.benchmarks.limits import Limits

PARTS = ("training", "answers", "again")
STEPS, WARMUP = 24, 6  # a step's first shapes and memory are found in the first ones
REFUSED = 1  # the exit code of a run whose gates refused the candidate, as after a few steps


@dataclass
class Comparison:
    """Both builds, the earlier first, and what their first runs left."""

    builds: tuple[Build, Build]
    scratch: Path
    rounds: int
    whole: bool
    limits: Limits = field(default_factory=Limits)
    first: dict[str, Ended] = field(default_factory=dict[str, Ended])
    started: dict[str, Started] = field(default_factory=dict[str, Started])

    def first_runs(self) -> None:
        """Let each build run the demo once in a home that is new."""
        for build in self.builds:
            with Catcher(build) as caught:
                ended = self._run(build)
            print(f"    {build.name:12} {_cost(ended)}", flush=True)
            self.first[build.name] = ended
            self.started[build.name] = caught.started(ended.lines)

    def first_run(self) -> None:
        """Compare the first runs, which were whole."""
        old, new = (self.first[build.name] for build in self.builds)
        self.limits.at_most("first run, wall time", new.cost.seconds / old.cost.seconds, 0.5)
        was, low, high = accuracy(old.lines)
        score, *interval = accuracy(new.lines)
        print(f"    steps trained {steps(old.lines)}, now {steps(new.lines)}")
        print(f"    accuracy {was} [{low}, {high}], now {score} {interval}, in percent")
        self.limits.at_least("accuracy, within the earlier interval", score, low)

    def training(self) -> None:
        """Compare the training processes."""

        def measure(build: Build) -> Trained:
            return train(build, self.started[build.name], self.scratch, STEPS, WARMUP)

        old, new = in_turn(self.builds, self.rounds, measure, _trained)
        faster = ratio([t.tokens_per_second for t in old], [t.tokens_per_second for t in new])
        memory = ratio([t.cost.peak_gib for t in old], [t.cost.peak_gib for t in new])
        self.limits.at_least("training, tokens/s", faster, 2.5)
        self.limits.at_most("training, most memory", memory, 1.0)
        if find_spec("trl"):
            peer = json.loads(_trl().stdout.splitlines()[-1])
            print(f"    TRL, packing {peer['tokens_per_second']:8.1f} tokens/s, random rows")

    def answers(self) -> None:
        """Compare the evaluation's answers: of the base, and of the earlier build's candidate."""
        store = self.builds[0].home / "store"
        models = {"base": store.glob("base/*"), "candidate": store.glob("model/*/model")}
        for name, (model,) in ((name, list(found)) for name, found in models.items()):
            print(f"  answers of the {name}")

            def measure(build: Build, model: Path = model) -> dict[str, Any]:
                out = self.scratch / "answers"
                words = [str(build.python), asking.__file__, str(model), _precision(), str(out)]
                words += eval_sets(self.builds[0])
                environment = {
                    **self.started[build.name].environment,
                    "PYTHONPATH": str(build.folder),
                }
                return json.loads(run(words, build.folder, environment).lines[-1])

            old, new = in_turn(self.builds, self.rounds, measure, _answered)
            speeds = [[one["tokens"] / one["seconds"] for one in those] for those in (old, new)]
            self.limits.at_least(f"answers of the {name}, tokens/s", ratio(*speeds), 1.5)

    def again(self) -> None:
        """Compare runs that find all of their work done."""
        for build in self.builds:
            self._run(build)  # what the first run after the first keeps, and compiles
        old, new = in_turn(self.builds, self.rounds + 1, self._run, _cost)
        seconds = [[one.cost.seconds for one in those] for those in (old, new)]
        cpu = [[one.cost.cpu_seconds for one in those] for those in (old, new)]
        print(f"    processor seconds, ratio {ratio(*cpu):.2f}")
        self.limits.at_most("second run, wall time", ratio(*seconds), 0.5)

    def _run(self, build: Build) -> Ended:
        """Run the earlier build's demo in either build: this build's own has grown since."""
        words = [] if build is self.builds[0] else demo_as_source(self.builds[0])
        words += [] if self.whole else ["--max-steps", "4"]
        return run(
            build.paddock("run", *words), build.folder, build.environment(), may_leave=(0, REFUSED)
        )


def _trl() -> subprocess.CompletedProcess[str]:
    code = (
        "import json; from tests.benchmarks.finetuning.peers import measure\n"
        "print(json.dumps(measure('135m', 'cpu', steps=6, warmup=2, packed=True, length=512, "
        "batch=1, lora=32, mean=60)))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def _precision() -> str:
    return device_and_precision()[1]


def _trained(found: Trained) -> str:
    cost = found.cost
    return f"{found.tokens_per_second:8.1f} tokens/s, at most {cost.peak_gib:.2f} GiB"


def _answered(found: dict[str, Any]) -> str:
    speed, least = (found["tokens"] / found[key] for key in ("seconds", "cpu_seconds"))
    return f"{speed:8.1f} tokens/s, {least:.1f} a processor second, {found['tokens']} tokens"


def _cost(ended: Ended) -> str:
    cost = ended.cost
    return f"{cost.seconds:8.1f} s, {cost.cpu_seconds:.1f} processor seconds, exit {ended.code}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, compare; return 1 if a ratio missed its aim, 2 if there is nothing to compare."""
    words = argparse.ArgumentParser(
        prog="bench_laptop", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--whole", action="store_true", help="run the demo as it ships")
    words.add_argument("--against", default="75d9676", help="the earlier commit (%(default)s)")
    words.add_argument("--rounds", type=int, default=2, help="measurements a build (%(default)s)")
    words.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some parts alone")
    given = words.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="paddock-laptop-") as folder:
        scratch = Path(folder)
        try:
            builds = (earlier_build(given.against, scratch), this_build(scratch))
            found = Comparison(builds, scratch, given.rounds, given.whole)
            print(f"first run{'' if given.whole else ' of 4 steps'}, each in a new home")
            found.first_runs()
            if given.whole:
                found.first_run()
            for part in PARTS:
                if part in given.only:
                    print(part)
                    getattr(found, part)()
        except BuildError as error:
            print(f"bench-laptop: {error}", file=sys.stderr)
            return 2
    return found.limits.exit_code()


if __name__ == "__main__":
    sys.exit(main())
