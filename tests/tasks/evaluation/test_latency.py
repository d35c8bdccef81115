"""How long a user waits: what is measured, that it decides no digest, and that a gate may ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from eval_sets.loading import load_eval_set
from model_registry.gates import judge
from model_registry.policy import load_policy
from model_registry.scorecard import Scorecard
from tasks.evaluation.latency import (
    FILE,
    Latency,
    latency_metrics,
    median,
    quantile,
    read_latency,
    spread,
    wait_lines,
)
from tasks.evaluation.steps import Evaluated, answers_step
from tasks.evaluation.tables import read_rows
from tasks.models.decoding import decoder
from tasks.models.loading import load_model
from tasks.models.prompts import Prompt
from tasks.models.serving.server import Serving
from tasks.storage.objects import open_store
from tasks.storage.outputs import ABOUT, Outputs
from tests.tasks.models.asking import ENDS, answers, prompts

SERVER = Path(__file__).parents[1] / "models" / "completions_server.py"


@pytest.mark.parametrize("way", ["loaded", "library", "served"])
def test_it_is_measured_beside_the_answers_and_is_no_part_of_their_digest(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    @contextmanager
    def folder() -> Generator[Path]:
        yield tiny_model

    if way == "library":
        monkeypatch.setattr(decoder, "obstacle", Mock(return_value="a trial"))
    (notes := tmp_path / "notes").mkdir()
    command = f"{sys.executable} {SERVER} {{model}} {{port}} {{name}} canned"
    serving = Serving.of(command, 60, {**os.environ, "NOTES": str(notes)})
    sets, digests = [load_eval_set("safety")], set[str]()
    found: list[Latency | None] = []
    for alone in (7, 0):
        outputs = Outputs(open_store(str(tmp_path / f"store{alone}")), tmp_path / f"work{alone}")

        def ask(outputs: Outputs = outputs, alone: int = alone) -> Any:
            return answers_step.fn(
                outputs,
                Evaluated("d" * 64, folder),
                sets,
                seed=0,
                serving=serving if way == "served" else None,
                alone=alone,
                progress=_ignore,
            )

        built = ask()
        again = ask()
        assert again.reused and again.reference == built.reference
        digests.add(built.reference.digest)
        measured = outputs.fetch(built.reference) / ABOUT / FILE
        found.append(read_latency(measured))
        assert len(read_rows(measured.parents[1] / "answers.parquet")) == len(sets[0].cases)
    assert len(digests) == 1 and found[1] is None
    [one, _] = found
    assert one and len(one.first_token) == len(one.answer) == len(one.tokens) == 7
    assert all(time > 0 for time in (*one.first_token, *one.answer)) and min(one.tokens) > 0
    assert one.tokens_per_second == pytest.approx(sum(one.tokens) / sum(one.answer))
    served = (one.engine, one.device, one.threads) == ("served by tests 1.2.3", "", None)
    assert served is (way == "served")
    said = " ".join(wait_lines({"candidate": one}))
    assert "7 cases alone" in said and ("threads" in said) is (way != "served")


def test_who_is_asked_alone_answers_as_in_a_batch(tiny_model: Path) -> None:
    model = load_model(tiny_model)[0]
    together = answers(model, prompts(20), 20)
    alone = prompts(20)
    seconds, _ = decoder.seconds_alone(model, alone, ENDS)
    assert [one.answer for one in alone] == together
    assert len(seconds) == 20 and min(seconds) > 0
    assert decoder.build_engine(model, alone[:2], ENDS, 1, 80, share=False).slots == 1


def test_cases_are_spread_over_the_sets() -> None:
    asked = [Prompt("a", str(n), [1], 1) for n in range(100)]
    asked += [Prompt("b", str(n), [1], 1) for n in range(2)]
    asked += [Prompt("c", str(n), [1], 1) for n in range(30)]
    chosen = [(one.eval_set, one.case_id) for one in spread(asked, 10)]
    assert chosen == [
        *[("a", "12"), ("a", "37"), ("a", "62"), ("a", "87")],
        *[("b", "0"), ("b", "1")],
        *[("c", "5"), ("c", "15"), ("c", "25")],
    ]
    assert [one.eval_set for one in spread(asked, 2)] == ["a", "b"]
    assert list(spread(asked, 0)) == list(spread([], 3)) == []


def test_a_median_has_the_interval_of_order_statistics() -> None:
    times = [0.1 * n for n in range(1, 13)]
    found = median(times)
    # Of twelve, from the third to the tenth: a chance of .0386 that the truth lies outside.
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(1.0))
    assert (found.value, quantile(times, 0.95), found.n) == (pytest.approx(0.6), times[-1], 12)
    assert median(times[:5]).missing and median([]).missing


def test_a_policy_can_set_a_ceiling_and_fails_where_nothing_was_measured(tmp_path: Path) -> None:
    policy = tmp_path / "quick.toml"
    policy.write_text(
        'name = "quick"\n'
        '[[gates]]\nid = "quick"\nmetric = "latency/answer"\nrule = "max"\nvalue = 1.5\n'
        '[[gates]]\nid = "knows"\nmetric = "t/confidence_auroc"\nrule = "min"\nvalue = 0.4\n'
    )
    times = tuple(0.1 * n for n in range(1, 13))
    quick = Latency(first_token=times, answer=times, tokens=(9,) * 12, engine="steps")
    slow = quick.model_copy(update={"answer": tuple(2 * time for time in times)})

    def judged(measured: Latency | None) -> list[tuple[bool, str]]:
        metrics = latency_metrics({"candidate": measured} if measured else {})
        card = Scorecard(
            models={"candidate": "c"}, eval_sets={}, metrics=metrics, seed=0, resamples=2000
        )
        return [(one.passed, one.reason) for one in judge(load_policy(str(policy)), card).gates]

    assert judged(quick)[0] == (
        True,
        "latency/answer of the candidate = 0.600 [0.300, 1.000] s; 1.000 (high end) is at most 1.5",
    )
    assert not judged(slow)[0][0] and "not at most 1.5" in judged(slow)[0][1]
    assert not judged(None)[0][0] and "missing" in judged(None)[0][1]
    assert not judged(quick)[1][0] and "missing" in judged(quick)[1][1]


def _ignore(*_: Any) -> None: ...
