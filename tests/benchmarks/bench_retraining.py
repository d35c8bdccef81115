"""`make bench-retraining`: does a retraining learn what people correct, and keep what was known?

In a home of its own it goes the way of the README with the real demo model: the demo's champion
(run, approve, promote), hours of a drifted log in which people say what is true, the day sealed, a
retraining from that log as drift starts one: from the champion's weights, at half of the learning
rate and in one pass (--start base: from the base, as the champion was). Then both models are asked
the eval set of the new facts, in words that stand nowhere in the log, and all that the demo's gates
ask. Eight minutes on a GPU; some twenty on two cores with bfloat16. --home keeps the home, and a
home that is given again is gone on with.
Exit code 1 if the retrained model answers fewer than 60 % of the new questions, or loses more than
3 points on the old ones, on instructions or on refusals (all as measured; the intervals stand
beside).
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eval_sets.loading import list_eval_sets, load_eval_set
from flows.asking.command_words import command_words
from flows.asking.drift_parameters import Start
from flows.asking.parameters import RetrainParameters
from flows.going_on import begun_at
from model_registry.scorecard import MetricResult, Scorecard, read_scorecard
from tests.benchmarks.laptop.builds import CHECKOUT, Build, BuildError
from tests.benchmarks.laptop.running import Ended, run
from tests.benchmarks.limits import Limits

NAME, NEW = "help-desk", "desk_new_facts"
LEARNED, LOST = 60.0, 3.0  # percent of the new questions; points on the old ones
REFUSED = 1  # the exit code of a run whose gates refused the candidate
# The figure of each set that says how many answers are right; the others are told beside.
OLD = ("desk_facts/accuracy", "instruction_following/accuracy", "safety/refusal")
PAIR = "candidate-base"


@dataclass
class Story:
    """A desk from its first champion to what is learned from its log."""

    build: Build
    windows: int
    rows: int
    replay: str
    start: Start
    limits: Limits = field(default_factory=Limits)

    def champion(self) -> None:
        """Let the demo train its first candidate, approve and promote it, unless it serves."""
        if "version 1" in self._champion_line():
            print("    the champion of an earlier run serves", flush=True)
            return
        self._run("run", "--name", NAME)
        self._release(1)

    def log(self) -> None:
        """Write hours of a day that is over for long enough to be sealed; a window there stays."""
        day = next(iter(sorted(self._log_days())), f"{datetime.now(UTC) - timedelta(days=2):%F}")
        for number in range(self.windows):
            window = f"{day}T{9 + number:02d}"
            if not (self._log / f"{window}.jsonl").exists():
                words = ("--drifted", "--window", window, "--rows", str(self.rows))
                self._run("demo-log", "--name", NAME, *words)
        told = self._run("log", "compact", "--name", NAME)
        print(f"    {told.lines[-1].strip()}", flush=True)

    def retrain(self) -> str:
        """Train from the log, say what was learned and refused; return the candidate's version."""
        replay = f"&replay={self.replay}" if self.replay else ""
        source = f"log://{NAME}?tenants=school{replay}"
        asked = begun_at(self.start, RetrainParameters(name=NAME, source=source))
        words = command_words("run", asked)[1:]
        told = self._run(*words, may_leave=(0, REFUSED))
        wanted = ("rows of the log may", "left out:", f"{NAME}-candidate version", "  FAIL  ")
        shown = [line.strip() for line in told.lines if any(one in line for one in wanted)]
        print("\n".join(f"    {line[:160]}" for line in shown), flush=True)
        named = (re.match(rf"{NAME}-candidate version (\d+):", line) for line in shown)
        return next(found[1] for found in named if found)

    def compare(self, version: str) -> Scorecard:
        """Ask the first champion and a retrained candidate all sets."""
        models = ("--model", f"models:/{NAME}-candidate/{version}", "--base", f"models:/{NAME}/1")
        asked = [one for one in list_eval_sets() if load_eval_set(one).card.scope != "named"]
        sets = ",".join([NEW, *asked])
        told = self._run("evaluate", "--name", NAME, *models, "--eval-sets", sets)
        place = next(line for line in told.lines if line.strip().startswith("Files"))
        return read_scorecard(Path(place.split()[-1].removeprefix("file://")) / "scorecard.json")

    def judge(self, found: Scorecard) -> int:
        """Print the figures and hold them against the limits; return the exit code."""
        print(f"\n  {'':34} {'champion':>22} {'retrained':>22} {'difference':>22}")
        for key in sorted(found.metrics):
            if any(one.n for one in found.metrics[key].scores.values()):
                print(f"  {_line(found.metrics[key])}")
        print()
        new = found.metrics[f"{NEW}/accuracy"].scores["candidate"].value
        self.limits.at_least("new questions answered, %", 100 * (new or 0.0), LEARNED)
        for key in OLD:
            change = found.metrics[key].differences[PAIR].value
            lost = 100.0 if change is None else -100 * change
            self.limits.at_most(f"points lost on {key}", lost, LOST)
        return self.limits.exit_code()

    @property
    def _log(self) -> Path:
        return self.build.home / "store" / "inference" / NAME

    def _log_days(self) -> set[str]:
        return {path.name[:10] for path in self._log.glob("*.jsonl")}

    def _champion_line(self) -> str:
        told = self._run("show", "--name", NAME).lines
        return next((line for line in told if line.startswith("  champion")), "")

    def _release(self, version: int) -> None:
        words = ("--version", str(version), "--approve", "--person", "bench")
        self._run("decide", "--name", NAME, *words)
        self._run("promote", "--name", NAME)

    def _run(self, *words: str, may_leave: Sequence[int] = (0,)) -> Ended:
        print(f"  paddock {' '.join(words)}", flush=True)
        begun = time.perf_counter()
        command = self.build.paddock(*words)
        told = run(command, self.build.folder, self.build.environment(), may_leave=may_leave)
        print(f"    {time.perf_counter() - begun:.0f} s", flush=True)
        return told


def _line(metric: MetricResult) -> str:
    arrow = "↑" if metric.higher_is_better else "↓"
    shown = [metric.scores[role].shown(metric.unit) for role in ("base", "candidate")]
    shown.append(metric.differences[PAIR].shown(metric.unit, signed=True))
    return f"{metric.key + ' ' + arrow:34} " + " ".join(f"{one:>22}" for one in shown)


def main(arguments: Sequence[str] | None = None) -> int:
    """Go the whole way; return 1 if a figure missed its limit, 2 if the way was barred."""
    words = argparse.ArgumentParser(
        prog="bench_retraining", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--home", help="the home to use and keep (a new one, gone afterwards)")
    words.add_argument("--windows", type=int, default=6, help="hours of drift (%(default)s)")
    words.add_argument("--rows", type=int, default=400, help="requests an hour (%(default)s)")
    words.add_argument("--replay", default="", help="the log source's replay (its default)")
    words.add_argument("--start", choices=("base", "champion"), default="champion")
    given = words.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="paddock-retraining-") as scratch:
        home = Path(given.home or scratch).absolute()
        build = Build("this", CHECKOUT, Path(sys.executable), home)
        story = Story(build, given.windows, given.rows, given.replay, given.start)
        try:
            build.check()
            story.champion()
            story.log()
            return story.judge(story.compare(story.retrain()))
        except BuildError as error:
            print(f"bench-retraining: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
