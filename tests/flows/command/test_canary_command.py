"""`paddock canary selftest` as a person types it: its table, and its answer in the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.command.cli import main

# An hour's requests in three minutes: as many counts, a twentieth of the ticks.
QUICK = ["canary", "selftest", "--hours", "100", "--rate", "110.6"]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "serving.toml"
    file.write_text("[canary]\nfast = 20\n")
    return str(file)


def test_canary_selftest_prints_its_table_and_passes(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*QUICK, "--policy", policy]) == 0
    said = capsys.readouterr().out
    assert "| errors 0.1 -> 1 %" in said
    assert "At 3 requests a minute the rest comes in about" in said
    assert "The policy passes its own test." in said


def test_canary_selftest_fails_where_too_few_answers_are_judged(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*QUICK, "--policy", policy, "--judged", "0.2"]) == 1
    said = capsys.readouterr().out
    assert "- hallucinated 4 -> 8 %: rolled back in 0.0%" in said
    assert "- latency + 20" not in said


def test_canary_selftest_refuses_a_policy_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*QUICK, "--policy", "mine"]) == 2
    assert main([*QUICK, "--policy", "none.toml"]) == 2
    said = capsys.readouterr().err
    assert "no TOML file" in said
    assert "none.toml" in said
