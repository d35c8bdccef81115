from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.passages import ask_from
from data_contracts.records import Message
from eval_sets.types import Card, Case, ClosedBook, EvalSet, Expectation, FromPassages, Refusal
from model_registry.gates import judge
from model_registry.policy import Gate, Policy
from model_registry.scorecard import PERPLEXITY, Role, read_scorecard
from tasks.evaluation.comparison import HELD_OUT, LENGTH, build_scorecard
from tasks.evaluation.tables import read_rows, write_json, write_rows

DIGESTS: dict[Role, str] = {"base": "b" * 64, "candidate": "c" * 64, "champion": "e" * 64}


def eval_set(name: str, scorer: str, expected: Sequence[Expectation]) -> EvalSet:
    cases = tuple(
        Case(
            id=f"c{index}",
            messages=(
                Message(role="system", content="You are a desk."),
                Message(role="user", content=f"Question {index}: what does the tent cost?"),
            ),
            max_new_tokens=8,
            expect=expect,
            cluster="tents" if scorer == "closed_book" else "",
        )
        for index, expect in enumerate(expected)
    )
    card = Card(
        name=name,
        version="1.2.0",
        scope="demo",
        scorer=scorer,
        purpose="p",
        provenance="p",
        licence="Apache-2.0",
        gates="none",
    )
    return EvalSet(name=name, version="1.2.0", card=card, cases=cases, digest=name[0] * 64)


GOLD = ClosedBook(
    scorer="closed_book", answerable=True, accepted=(("89 euros",),), facts=("It costs 89 euros.",)
)
SETS = [
    eval_set("facts", "closed_book", [GOLD] * 10),
    eval_set("safety", "refusal", [Refusal(scorer="refusal", refuse=True)] * 4),
]


def answered(folder: Path, right: int, refused: int) -> Path:
    texts = {
        "facts": ["It costs 89 euros."] * right + ["It costs 99 euros."] * (10 - right),
        "safety": ["I can't help with that."] * refused + ["Here is how."] * (4 - refused),
    }
    return said(folder, SETS, texts)


def said(folder: Path, sets: Sequence[EvalSet], texts: Mapping[str, Sequence[str]]) -> Path:
    rows = [
        {
            "eval_set": s.name,
            "case_id": c.id,
            "answer": answer,
            "tokens": 5,
            "truncated": False,
            "log_probability": -6.0 * (0.1 if "89" in answer else 0.7),  # of five and an end
        }
        for s in sets
        for c, answer in zip(s.cases, texts[s.name], strict=True)
    ]
    write_rows(folder / "answers.parquet", rows)
    write_json(folder / "answers.json", {"eval_sets": {s.name: {"digest": s.digest} for s in sets}})
    return folder


def likely(folder: Path, per_token: float) -> Path:
    rows = [
        {"record_id": f"r{i}", "nll_sum": per_token * (i + 1), "tokens": i + 1} for i in range(12)
    ]
    write_rows(folder / "likelihood.parquet", rows)
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[dict[Role, Path], dict[Role, Path]]:
    answers: dict[Role, Path] = {
        "base": answered(tmp_path / "ab", 1, 0),
        "candidate": answered(tmp_path / "ac", 8, 4),
    }
    likelihoods: dict[Role, Path] = {
        "base": likely(tmp_path / "lb", 2.0),
        "candidate": likely(tmp_path / "lc", 1.0),
    }
    return answers, likelihoods


def test_a_figure_of_some_answers_is_compared_where_both_models_have_one(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    """Whether what is cited is right can be asked of an answer that cites."""
    passages = ["The tent costs 89 euros.", "The rope costs 12 euros."]
    expect = FromPassages(scorer="from_passages", gold=(1,), accepted=(("89 euros",),))
    pages = eval_set("pages", "from_passages", [expect] * 4)
    asked = ask_from("What does the tent cost?", passages)
    cases = tuple(case.model_copy(update={"messages": asked}) for case in pages.cases)
    pages = pages.model_copy(update={"cases": cases})
    plain, right, wrong = (f"It costs 89 euros{end}" for end in (".", " [1].", " [2]."))
    answers: dict[Role, Path] = {
        "base": said(tmp_path / "pb", [pages], {"pages": [plain, wrong, wrong, right]}),
        "candidate": said(tmp_path / "pc", [pages], {"pages": [right, right, plain, right]}),
    }
    card = build_scorecard(answers, inputs[1], [pages], DIGESTS, tmp_path / "out", seed=3)
    cited = card.metrics["pages/citation_precision"]
    assert (cited.scores["base"].n, cited.scores["candidate"].n) == (3, 3)
    assert cited.scores["candidate"].value == 1.0
    difference = cited.differences["candidate-base"]
    assert (difference.n, difference.value) == (2, 0.5)  # of the second and the fourth case
    assert cited.changes["candidate-base"].won == 1


def test_the_scorecard_holds_every_figure_with_interval_and_difference(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    card = build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "out", seed=3)
    assert read_scorecard(tmp_path / "out/scorecard.json") == card
    assert card.models == {"base": "b" * 64, "candidate": "c" * 64}
    assert card.eval_sets["facts"].version == "1.2.0" and card.eval_sets["facts"].cases == 10
    accuracy = card.metrics["facts/accuracy"]
    assert accuracy.scores["base"].value == pytest.approx(0.1)
    assert accuracy.scores["candidate"].value == pytest.approx(0.8)
    gain = accuracy.differences["candidate-base"]
    assert gain.value == pytest.approx(0.7) and gain.low is not None and gain.low > 0.15
    assert set(accuracy.differences) == {"candidate-base"}
    assert card.metrics["facts/hallucination"].scores["candidate"].value == pytest.approx(0.2)
    assert not card.metrics["facts/hallucination"].higher_is_better
    assert card.metrics["safety/refusal"].scores["candidate"].value == 1.0
    # No case asks for an answer that looks harmful, or cannot be answered: missing, not zero.
    assert card.metrics["safety/over_refusal"].scores["candidate"].missing
    assert card.metrics["facts/abstention"].differences["candidate-base"].missing
    length = card.metrics[LENGTH]
    assert (length.scores["base"].value, length.scores["base"].n) == (5.0, 14)
    assert length.differences["candidate-base"].value == 0.0 and not length.higher_is_better
    perplexity = card.metrics[HELD_OUT]
    assert perplexity.unit == PERPLEXITY
    assert perplexity.scores["base"].value == pytest.approx(math.exp(2))
    assert perplexity.differences["candidate-base"].value == pytest.approx(
        math.exp(1) - math.exp(2)
    )


def test_the_tables_name_every_case_with_every_models_answer(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    build_scorecard(*inputs, SETS, DIGESTS, tmp_path, seed=3)
    rows = read_rows(tmp_path / "cases.parquet")
    assert len(rows) == 14
    assert rows[1]["answer_base"] == "It costs 99 euros."
    assert rows[1]["answer_candidate"] == "It costs 89 euros."
    assert json.loads(rows[1]["scores_base"]) == {
        "accuracy": 0.0,
        "hallucination": 1.0,
        "abstention": None,
    }
    assert rows[1]["cluster"] == "tents" and rows[13]["cluster"] == ""
    assert rows[1]["system"] == "You are a desk." and rows[1]["prompt"].startswith("Question 1")
    held_out = read_rows(tmp_path / "held_out.parquet")
    assert len(held_out) == 12
    assert held_out[0]["perplexity_candidate"] == pytest.approx(math.e)
    text = (tmp_path / "scorecard.md").read_text(encoding="utf-8")
    assert "| facts/accuracy ↑ | share | 10 | 10.0% [" in text and "missing" in text
    assert (tmp_path / "scorecard.png").stat().st_size > 10_000


def test_confidence_is_held_against_what_is_right(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    card = build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "out", seed=3)
    assert not any(key.startswith("safety/con") for key in card.metrics)  # a refusal is not right
    sure, unsure = math.exp(-0.1), math.exp(-0.7)
    brier = card.metrics["facts/confidence_brier"]
    assert brier.scores["candidate"].value == pytest.approx(0.8 * (1 - sure) ** 2 + 0.2 * unsure**2)
    assert brier.differences["candidate-base"].value == pytest.approx(
        -0.7 * (unsure**2 - (1 - sure) ** 2)
    )
    error = card.metrics["facts/calibration_error"]  # ten answers are one bin
    gap = 0.8 * sure + 0.2 * unsure - 0.8
    assert error.scores["candidate"].value == pytest.approx(
        math.sqrt(max(0.0, gap**2 - 0.8 * 0.2 / 9)), abs=1e-9
    )
    area = card.metrics["facts/confidence_auroc"].scores["candidate"]
    assert area.value == 1.0 and area.low is None  # eight right ones, but only two wrong
    rows = read_rows(tmp_path / "out/cases.parquet")
    assert rows[0]["confidence_candidate"] == pytest.approx(sure)
    assert rows[9]["log_probability_candidate"] == pytest.approx(-4.2)
    assert (tmp_path / "out/reliability.png").stat().st_size > 10_000


def test_confidence_that_was_not_told_is_missing_and_said_to_be(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    folder = inputs[0]["candidate"]
    rows = read_rows(folder / "answers.parquet")
    write_rows(folder / "answers.parquet", [{**rows[0], "log_probability": None}, *rows[1:]])
    card = build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "out")
    for figure in ("calibration_error", "confidence_auroc", "confidence_brier"):
        metric = card.metrics[f"facts/{figure}"]
        assert metric.scores["candidate"].missing and metric.scores["candidate"].n == 0
        assert metric.scores["base"].value is not None and metric.differences == {}
        gate = Gate(id="g", metric=metric.key, rule="max", value=1.0)
        verdict = judge(Policy(name="p", gates=(gate,)), card)
        assert not verdict.passed and "missing" in verdict.gates[0].reason
    assert any("candidate: who answered tells no log-probab" in note for note in card.notes)
    assert read_rows(tmp_path / "out/cases.parquet")[0]["confidence_candidate"] is None


def test_what_the_figures_do_not_tell_is_noted(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    assert build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "plain").notes == ()
    folder = inputs[0]["candidate"]
    told = json.loads((folder / "answers.json").read_text())
    write_json(folder / "answers.json", told | {"turn_ends": []})
    rows = read_rows(folder / "answers.parquet")
    write_rows(
        folder / "answers.parquet", [row | {"truncated": True} for row in rows[:3]] + rows[3:]
    )
    left_out = {"chosen": 14, "left_out": {"the chat template refuses a conversation of user": 2}}
    write_json(inputs[1]["base"] / "likelihood.json", left_out)
    card = build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "out")
    assert [note.partition(",")[0] for note in card.notes] == [
        "candidate: no token closes an assistant's turn in its chat template",
        "candidate: 3 of 14 answers came to no end within their case's limit",
        "base: 2 of 14 held-out records are not scored: the chat template refuses a conversation"
        " of user",
    ]
    text = (tmp_path / "out/scorecard.md").read_text(encoding="utf-8")
    assert all(f"- {note}\n" in text for note in card.notes)


def test_the_same_inputs_give_the_same_bytes(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        build_scorecard(*inputs, SETS, DIGESTS, tmp_path / name, seed=3)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_champion_is_compared_as_well(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    answers, likelihoods = inputs
    answers["champion"] = answered(tmp_path / "ae", 9, 4)
    card = build_scorecard(answers, likelihoods, SETS, DIGESTS, tmp_path / "out")
    differences = card.metrics["facts/accuracy"].differences
    assert set(differences) == {"candidate-base", "candidate-champion", "champion-base"}
    assert differences["candidate-champion"].value == pytest.approx(-0.1)
    # The champion has no likelihoods here: its perplexity is missing, and so is the comparison.
    assert card.metrics[HELD_OUT].scores["champion"].missing
    assert "candidate-champion" not in card.metrics[HELD_OUT].differences


def test_without_held_out_records_perplexity_is_missing(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    card = build_scorecard(inputs[0], {}, SETS, DIGESTS, tmp_path / "out")
    assert card.metrics[HELD_OUT].scores["candidate"].missing
    raw = json.loads((tmp_path / "out/scorecard.json").read_text())
    assert raw["metrics"][HELD_OUT]["scores"]["candidate"]["value"] is None


def test_answers_to_another_version_of_the_cases_are_refused(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    changed = [SETS[0].model_copy(update={"digest": "9" * 64}), SETS[1]]
    with pytest.raises(InputError, match="not to this version of facts"):
        build_scorecard(*inputs, changed, DIGESTS, tmp_path / "out")


def test_unreadable_answers_are_one_clear_error(
    inputs: tuple[dict[Role, Path], dict[Role, Path]], tmp_path: Path
) -> None:
    (inputs[0]["base"] / "answers.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"answers\.parquet cannot be read"):
        build_scorecard(*inputs, SETS, DIGESTS, tmp_path / "out")
