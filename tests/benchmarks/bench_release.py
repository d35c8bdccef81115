"""`make bench-release`: how long a release takes, beside an earlier build (75d9676), in turn.

A folder of random bytes stands for a model (--gib, 2; an 8B model in bf16 has 16). What is measured
goes from people's yes to the moved alias, and before it the asking, where this build reads all
bytes and the earlier one read none. How often bytes are read is counted over both. Each build
releases it in a home of its own below --scratch, on the embedded default; that needs four times
the folder's size of free disk. With --cold no byte of it is in the page cache, neither where people
are asked nor at their yes. Wall seconds are of this machine as busy as it is: take the ratio. Exit
code 1 if a figure misses its limit. Linux only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.laptop.builds import Build, BuildError, earlier_build, this_build
from tests.benchmarks.laptop.figures import in_turn, ratio
from tests.benchmarks.laptop.running import run
from tests.benchmarks.limits import Limits
from tests.benchmarks.releasing import one_release
from tests.benchmarks.releasing.folders import write_folder

Figures = dict[str, float]
WALL = 0.4  # of the earlier build's time
READS = 2.05  # of the folder's size, with what libraries read of their own


def _measure(build: Build, files: Path, small: Path, *, cold: bool) -> Figures:
    """Release both folders in a home that is new, and gone afterwards."""
    shutil.rmtree(build.home, ignore_errors=True)
    build.home.mkdir()
    script = str(Path(one_release.__file__))
    words = [str(build.python), script, str(files), str(small), str(build.home)]
    words += ["cold"] if cold else []
    environment = build.environment() | {"PYTHONPATH": str(build.folder)}
    told = run(words, build.folder, environment).lines[-1]
    shutil.rmtree(build.home)
    return json.loads(told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Release, compare; return 1 if a figure missed its limit, 2 if there is nothing to compare."""
    words = argparse.ArgumentParser(
        prog="bench_release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--gib", type=float, default=2.0, help="size of the weights (%(default)s)")
    words.add_argument("--against", default="75d9676", help="the earlier commit (%(default)s)")
    words.add_argument("--rounds", type=int, default=2, help="releases a build (%(default)s)")
    words.add_argument("--cold", action="store_true", help="with nothing in the page cache")
    words.add_argument("--scratch", help="a folder on the disk to measure (the system's)")
    given = words.parse_args(arguments)
    size, limits = int(given.gib * (1 << 30)), Limits()

    def say(found: Figures) -> str:
        read, written = (found[key] / size for key in ("read", "written"))
        cost = f"asking {found['asking_seconds']:5.1f} s, yes to alias {found['seconds']:6.1f} s"
        cpu = f"{found['cpu_seconds']:.1f} processor seconds"
        return f"{cost}, {cpu}, weights read {read:.2f} times, written {written:.2f}"

    with tempfile.TemporaryDirectory(prefix="paddock-release-", dir=given.scratch) as folder:
        scratch = Path(folder)
        files, small = scratch / "large", scratch / "small"
        try:
            builds = (earlier_build(given.against, scratch), this_build(scratch))
            write_folder(files, size)
            write_folder(small, 1 << 20)
            print(f"a release of {given.gib:g} GiB, page cache {'cold' if given.cold else 'warm'}")

            def measure(build: Build) -> Figures:
                return _measure(build, files, small, cold=given.cold)

            old, new = in_turn(builds, given.rounds, measure, say)
        except BuildError as error:
            print(f"bench-release: {error}", file=sys.stderr)
            return 2
    seconds = [[one["seconds"] for one in those] for those in (old, new)]
    whole = [[one["asking_seconds"] + one["seconds"] for one in those] for those in (old, new)]
    limits.at_most("yes to alias, of the earlier build's wall time", ratio(*seconds), WALL)
    print(f"        with the asking {ratio(*whole):.3f}")
    limits.at_most("times that the weights are read", max(f["read"] for f in new) / size, READS)
    return limits.exit_code()


if __name__ == "__main__":
    sys.exit(main())
