"""A judge behind a real endpoint of OpenAI's chat protocol, and when its word counts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import InputError, PaddockError
from model_registry.gates import judge
from model_registry.policy import Gate, Policy
from model_registry.scorecard import MetricResult, Scorecard
from tasks.evaluation.judging.agreement import cohen_kappa
from tasks.evaluation.judging.figures import judge_metric
from tasks.evaluation.judging.rubric import Rubric, load_rubric
from tasks.evaluation.judging.verdicts import ABOUT_JUDGE, JUDGEMENTS, judge_answers
from tests.judge_server import KEY, Judge, answering

RUBRIC = """
name = "facts"
model = "judge-1"
instruction = "Is the answer right by the known facts?"
input_price = 0.5
output_price = 2.0
"""


def unheard(_: int, __: int | None) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def judge_server() -> Iterator[Judge]:
    with answering() as judge:
        yield judge


@pytest.fixture
def rubric(tmp_path: Path) -> Callable[..., Rubric]:
    def make(**more: Any) -> Rubric:
        lines = [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        (tmp_path / "rubric.toml").write_text(RUBRIC + "\n".join(lines))
        return load_rubric(tmp_path / "rubric.toml")

    return make


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Forty questions; the candidate is right in 30 of them, the base in 10."""
    rows = [
        {
            "eval_set": "facts",
            "case_id": f"case-{n:02}",
            "system": "",
            "prompt": f"What costs rope {n}, asks ada@example.org?",
            "expect": json.dumps({"facts": ["It costs 89 euros."]}),
            "answer_base": "89 euros" if n < 10 else "a lot",
            "answer_candidate": "89 euros" if n >= 10 else "nothing",
        }
        for n in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "cases.parquet")
    return tmp_path / "cases.parquet"


def _look(cases: Path, rubric: Rubric, server: Judge, out: Path) -> dict[str, int]:
    return judge_answers(
        pq.read_table(cases).to_pylist(),
        rubric,
        server.endpoint,
        out,
        redact=lambda text: text.replace("ada@example.org", "<EMAIL_1>"),
        progress=unheard,
    )


def _by_fact(user: str) -> str:
    return 'Sure: {"verdict": "%s"}' % ("yes" if "Answer: <<<89" in user else "no")


def _people(wrong: int = 0) -> dict[tuple[str, str, str], float]:
    """Return what people said of the candidate's answers: as it is, but for the first `wrong`."""
    truth = {("facts", f"case-{n:02}", "candidate"): float(n >= 10) for n in range(40)}
    return {p: 1 - v if i < wrong else v for i, (p, v) in enumerate(truth.items())}


def test_every_answer_is_judged_and_paid_for(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path
) -> None:
    judge_server.says, judge_server.failing = _by_fact, 2
    counts = _look(cases, rubric(), judge_server, tmp_path / "out")
    assert counts == {
        "questions": 80,
        "judged": 80,
        "abstained": 0,
        "input tokens": 8000,
        "output tokens": 800,
    }
    about = json.loads((tmp_path / "out" / ABOUT_JUDGE).read_text())
    assert about["cost"] == pytest.approx(8000 * 0.5e-6 + 800 * 2e-6)
    sent = json.dumps(judge_server.asked)
    assert "example.org" not in sent and "<EMAIL_1>" in sent
    assert {one["key"] for one in judge_server.asked} == {f"Bearer {KEY}"}
    metric, found = judge_metric(tmp_path / "out", rubric(), _people(), seed=1)
    assert (found.counts, found.kappa, metric.withheld) == (True, 1.0, "")
    assert metric.scores["candidate"].value == 0.75
    assert metric.scores["base"].value == 0.25
    assert metric.differences["candidate-base"].value == 0.5


def test_a_judge_that_follows_the_order_has_no_opinion(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path
) -> None:
    judge_server.says = lambda _: '{"verdict": "first"}'
    pair = rubric(kind="pair")
    assert _look(cases, pair, judge_server, tmp_path / "out")["abstained"] == 40
    metric, found = judge_metric(tmp_path / "out", pair, _people(), seed=1)
    assert metric.scores == {}
    assert not found.counts
    judge_server.says = lambda user: json.dumps(
        {"verdict": "first" if "First answer: <<<89" in user else "second"}
    )
    assert _look(cases, pair, judge_server, tmp_path / "fair")["judged"] == 40
    metric, _ = judge_metric(tmp_path / "fair", pair, {}, seed=1)
    assert metric.scores["candidate"].value == 0.75


@pytest.mark.parametrize(
    "words", ["yes", "", "{broken", '{"verdict": 1}', '["yes"]', '{"verdict": "maybe"}']
)
def test_words_that_are_no_verdict_are_an_abstention(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path, words: str
) -> None:
    judge_server.says = lambda _: words
    assert _look(cases, rubric(), judge_server, tmp_path / "out")["abstained"] == 80
    rows = pq.read_table(tmp_path / "out" / JUDGEMENTS).to_pylist()
    assert {row["value"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("wrong", "people", "why"),
    [(12, 40, "its agreement with people is kappa"), (0, 20, "20 answers were judged and rated")],
)
def test_a_judge_that_people_contradict_gates_nothing(
    cases: Path,
    rubric: Callable[..., Rubric],
    judge_server: Judge,
    tmp_path: Path,
    wrong: int,
    people: int,
    why: str,
) -> None:
    judge_server.says = _by_fact
    _look(cases, rubric(), judge_server, tmp_path / "out")
    rated = dict(list(_people(wrong).items())[:people])
    metric, found = judge_metric(tmp_path / "out", rubric(), rated, seed=1)
    assert not found.counts
    assert why in metric.withheld
    result = _gated(metric)
    assert not result.passed
    assert why in result.gates[0].reason


def test_a_judge_that_agrees_gates(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path
) -> None:
    judge_server.says = _by_fact
    _look(cases, rubric(), judge_server, tmp_path / "out")
    metric, _ = judge_metric(tmp_path / "out", rubric(), _people(), seed=1)
    assert _gated(metric).passed


def _gated(metric: MetricResult) -> Any:
    gate = Gate(id="judged right", metric=metric.key, rule="min", value=0.5)
    scorecard = Scorecard(
        models={"base": "b", "candidate": "c"},
        eval_sets={},
        metrics={metric.key: metric},
        seed=1,
        resamples=100,
    )
    return judge(Policy(name="judged", gates=(gate,)), scorecard)


def test_what_would_cost_too_much_is_not_sent(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is allowed"):
        _look(cases, rubric(most_cost=0.005), judge_server, tmp_path / "out")
    with pytest.raises(InputError, match="asks of no answer"):
        _look(cases, rubric(eval_sets=["other"]), judge_server, tmp_path / "out")
    assert judge_server.asked == []


def test_an_endpoint_that_fails_is_said_without_the_key(
    cases: Path, rubric: Callable[..., Rubric], judge_server: Judge, tmp_path: Path
) -> None:
    judge_server.failing = 10_000
    with pytest.raises(PaddockError, match="HTTP 503") as caught:
        _look(cases, rubric(), judge_server, tmp_path / "out")
    assert KEY not in str(caught.value) + repr(judge_server.endpoint)


def test_a_rubric_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "rubric.toml").write_text(RUBRIC.replace("judge-1", ""))
    with pytest.raises(InputError, match="rubric cannot be used"):
        load_rubric(tmp_path / "rubric.toml")
    with pytest.raises(InputError, match="FileNotFoundError"):
        load_rubric(tmp_path / "nowhere.toml")


def test_kappa_is_cohens() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10
    kappa, low, high = cohen_kappa(pairs + [(False, False)] * 15)
    assert kappa == pytest.approx(0.4)  # p_o = .7, p_e = .5
    assert low is not None and high is not None
    assert 0.1 < low < 0.2 and 0.6 < high < 0.7
    assert cohen_kappa([]) == (None, None, None)
    assert cohen_kappa([(True, True)] * 9) == (None, None, None)
    perfect = cohen_kappa([(True, True), (False, False)] * 20)
    assert perfect[0] == perfect[2] == 1.0
    assert perfect[1] is not None and perfect[1] < 0.85  # certain it is not


def test_kappas_interval_covers() -> None:
    """Two raters with kappa .6 over shares of one half: 95 in 100 intervals hold it, or nearly."""
    rng = random.Random(4)
    held = 0
    for _ in range(400):
        pairs = [
            (truth, truth if rng.random() < 0.8 else not truth)
            for truth in (rng.random() < 0.5 for _ in range(60))
        ]
        _, low, high = cohen_kappa(pairs)
        held += low is not None and high is not None and low <= 0.6 <= high
    assert held / 400 >= 0.93
