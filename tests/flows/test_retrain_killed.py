"""A run killed at three random moments ends as one that was left alone: `make test-slow`."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_registry.candidates import list_candidates
from model_registry.tracking import Registry, open_registry
from tasks.human_review.rating import read_ratings
from tests.flows.conftest import run_and_kill
from tests.reviewing import sample_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
Ended = subprocess.CompletedProcess[str]
NAME = "shelves"
# A kill falls so many seconds, at most, after one of these lines of the run's own.
MOMENTS = ((("Starting", "1/7", "2/7"), 6.0), (("3/7",), 6.0), (("4/7", "5/7", "7/7"), 1.0))


def _registry_of(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


def test_a_run_killed_again_and_again_ends_the_same(
    planted_run: tuple[Path, Ended],
    run_words: list[str],
    paddock: Callable[..., Ended],
    home_environment: Callable[[Path], dict[str, str]],
    manifests: Callable[[Path], dict[str, list[dict[str, Any]]]],
    tmp_path: Path,
) -> None:
    home, other = planted_run[0], tmp_path / "home"
    moments: list[str] = []
    for lines, longest in MOMENTS:
        line, delay = random.choice(lines), random.uniform(0, longest)
        said = run_and_kill(other, run_words, home_environment(other), line, delay)
        moments.append(f"{delay:.2f} s after {line}, having said:\n{said}")
    ended = paddock(other, *run_words)
    story = "\n".join([*moments, ended.stdout, ended.stderr])
    assert ended.returncode == 1, story
    (candidate,), (same,) = (list_candidates(_registry_of(one), NAME) for one in (home, other))
    assert (same.digest, same.references) == (candidate.digest, candidate.references), story
    assert read_ratings(_registry_of(other), NAME, sample_in(other)).items == 24, story
    digests = [
        {stage: sorted(entry["digest"] for entry in entries) for stage, entries in made.items()}
        for made in (manifests(home), manifests(other))
    ]
    assert digests[0] == digests[1], story
