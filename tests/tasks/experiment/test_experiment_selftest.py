"""How often the test is wrong, with fewer runs than the command draws."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from flows.command.cli import main
from tasks.experiment.selftest import Case, cases, run_selftest, sizes

RUNS = 300
MOST = int(binom.ppf(0.999, RUNS, 0.05))  # of runs that are wrong in 5 %, in 999 of 1,000
LEAST = int(binom.ppf(0.001, RUNS, 0.8))


def case(kind: str) -> Case:
    [found] = [one for one in cases() if one.kind.startswith(kind)]
    return found


def test_versions_that_are_the_same_are_parted_in_five_of_a_hundred_at_most() -> None:
    same = [case("80 % rated well, 5"), case("tokens, 30")]
    for row in run_selftest(RUNS, 3, same):
        assert row.decided <= MOST, row
        assert row.once > MOST, "looking 24 times at a test for one look is no trouble?"
        assert row.strangers > MOST, "users' requests are as good as strangers'?"


def test_a_difference_is_seen_with_the_requests_that_it_is_said_to_need() -> None:
    [row] = run_selftest(RUNS, 3, [case("2 to 4 % truncated")])
    assert row.decided >= LEAST
    needed = {(size.metric, size.effect): size for size in sizes()}
    assert needed["truncated, of 2 %", 0.02].alike == row.case.drawn.requests
    for size in sizes():
        assert size.alike > size.requests
    assert needed["rated, of 80 %", 0.01].requests > 3 * needed["rated, of 80 %", 0.02].requests


def test_experiment_selftest_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "selftest", "--runs", "100", "--rate", "2", "--share", "20"]) == 0
    said = capsys.readouterr().out
    assert "hours at 2 a second with 20 % in each arm" in said
    assert "| tokens, 30 requests a user" in said
    assert "The test passes its own test." in said
