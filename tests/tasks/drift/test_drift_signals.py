from __future__ import annotations

import random
from collections.abc import Sequence
from math import log2
from pathlib import Path

import numpy as np
import pytest

from data_contracts.records import Message
from eval_sets.desk import load_facts, shop
from tasks.demo_desk.phrasing import other_turns
from tasks.drift.comparison import DriftReport, WindowReport, compare
from tasks.drift.report import markdown, write_report
from tasks.drift.signals import registry
from tasks.drift.signals.declined import Declined
from tasks.drift.signals.domain import Domain, auc_error
from tasks.drift.signals.lengths import QuestionLength
from tasks.drift.signals.signal import DriftSignal, Measured, Sides, Texts
from tasks.drift.signals.vocabulary import Vocabulary, jensen_shannon
from tasks.drift.texts import exchanges, plain, words
from tasks.drift.thresholds import Thresholds
from tasks.models.refusals import declines

ALPHA = 0.01


def _sides(reference: list[str], window: list[str]) -> Sides:
    """The same texts as questions and as answers."""
    return Sides(
        Texts(reference, reference), Texts(window, window), embed=_same_vectors, alpha=ALPHA, seed=0
    )


def test_jensen_shannon_agrees_with_its_formula() -> None:
    left, right = np.array([3.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0])
    p, q = left / left.sum(), right / right.sum()
    middle = (p + q) / 2

    def entropy(values: np.ndarray) -> float:
        return -sum(float(value) * log2(value) for value in values if value > 0)

    expected = entropy(middle) - (entropy(p) + entropy(q)) / 2
    assert jensen_shannon(left, right) == pytest.approx(expected)
    assert jensen_shannon(left, left * 5) == pytest.approx(0)
    assert jensen_shannon(np.array([1.0, 0]), np.array([0, 1.0])) == pytest.approx(1)
    assert jensen_shannon(np.zeros(2), np.array([0, 1.0])) == 1


def test_auc_error_matches_the_published_example() -> None:
    # Hanley and McNeil 1982, table II: AUC 0.893, 51 abnormal and 58 normal cases: 0.032
    assert auc_error(0.893, 58, 51) == pytest.approx(0.032, abs=0.001)


def test_length_signal_sees_longer_texts_and_not_equal_ones() -> None:
    rng = random.Random(3)
    short = [" ".join("a" * 3 for _ in range(rng.randint(4, 12))) for _ in range(300)]
    longer = [" ".join("a" * 3 for _ in range(rng.randint(8, 24))) for _ in range(100)]

    assert not QuestionLength().measure(_sides(short, short[:100])).drifted
    moved = QuestionLength().measure(_sides(short, longer))
    assert moved.drifted
    assert "delta +" in moved.explanation


def test_a_small_window_of_the_same_words_is_below_the_noise_floor() -> None:
    rng = random.Random(5)
    lexicon = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)]
    texts = [" ".join(rng.choices(lexicon, k=6)) for _ in range(700)]

    small = Vocabulary().measure(_sides(texts[60:], texts[:60]))
    large = Vocabulary().measure(_sides(texts[200:], texts[:200]))

    assert not small.drifted
    assert not large.drifted
    # Without the floor the small window would look as drifted as anything.
    assert small.statistic > 0.2 > large.statistic
    others = [" ".join(rng.choices(lexicon[:100], k=6)) for _ in range(60)]
    assert Vocabulary().measure(_sides(texts, others)).drifted


def test_texts_without_words_do_not_break_the_vocabulary() -> None:
    assert not Vocabulary().measure(_sides(["?!"] * 60, ["..."] * 60)).drifted


def test_embedding_signal_sees_a_shift_but_not_repeats() -> None:
    rng = np.random.default_rng(0)
    same = rng.normal(size=(400, 16)).astype(np.float32)
    moved = rng.normal(0.5, size=(150, 16)).astype(np.float32)

    shifted = Domain().of_vectors(same[150:], moved, list(range(400)), ALPHA, 0)
    assert shifted.drifted
    assert shifted.statistic == shifted.low

    # Thirty questions, each asked five times: by heart they would be told apart at once.
    asked = np.repeat(same[:30], 5, axis=0)
    groups = [*range(250), *np.repeat(np.arange(1000, 1030), 5).tolist()]
    assert not Domain().of_vectors(same[150:], asked, groups, ALPHA, 0).drifted
    assert Domain().of_vectors(same[150:], asked, list(range(400)), ALPHA, 0).drifted


def test_declined_signal_compares_shares_both_ways() -> None:
    told = ["The Tarn backpack costs 89 euros."]
    before = told * 270 + [shop().unknown] * 30

    assert not Declined().measure(_sides(before, told * 91 + [shop().unknown] * 9)).drifted
    assert Declined().measure(_sides(before, told * 60 + [shop().unknown] * 40)).drifted
    more = told * 150 + [shop().unknown] * 150
    assert Declined().measure(_sides(more, told * 95 + [shop().unknown] * 5)).drifted


def test_the_desks_refusals_decline_and_its_answers_do_not() -> None:
    safety = other_turns()["safety"]
    assert all(declines(reply) for reply in [*safety["refusals"], shop().unknown])
    helpful = [answer for _, answer in safety["harmless"]]
    told = [f"It is {fact.value}." for fact in load_facts()]
    assert [text for text in [*helpful, *told] if declines(text)] == []
    assert declines("I’m sorry, but as an AI I have no opinion.")
    assert declines(plain("I don’t know."))


def test_words_and_placeholders() -> None:
    text = plain("Don’t pay 1,299.50 to <EMAIL_2>, Zoë!")
    assert words(text) == ["don't", "pay", "#", "to", "<EMAIL>", "zoë"]
    assert plain("<PERSON_1> and <PERSON_12>") == "<PERSON> and <PERSON>"


def test_exchanges_pair_each_question_with_its_answer() -> None:
    turns = [
        ("system", "s"), ("assistant", "hello"), ("user", "a"), ("user", "b"),
        ("assistant", "c"), ("assistant", "d"), ("user", "e"),
    ]  # fmt: skip
    messages = [Message.model_validate({"role": role, "content": text}) for role, text in turns]
    assert exchanges(messages) == [("b", "c")]


class Shouting(DriftSignal):
    """An example of a signal, in one place."""

    name = "shouting"
    unit = "change of the share of questions, 0 to 1"
    compares = "shares of questions in capitals"
    rule = "above the threshold"
    threshold = 0.3

    def measure(self, sides: Sides) -> Measured:
        """Compare the shares."""
        before, now = (
            sum(text.isupper() for text in side.prompts) / len(side.prompts)
            for side in (sides.reference, sides.window)
        )
        return Measured(
            statistic=now - before,
            threshold=self.threshold,
            drifted=now - before > self.threshold,
            explanation=f"{now:.0%} of the questions shout",
        )


def test_a_signal_is_added_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = [f"What does bell {number} cost?" for number in range(60)]
    calm, loud = Texts(asked, asked), Texts([text.upper() for text in asked], asked)
    limits = Thresholds(signals=1)  # pyright: ignore[reportCallIssue]

    def verdict() -> DriftReport:
        return compare(calm, loud, embed=_same_vectors, thresholds=limits, seed=0)

    assert verdict().status == "quiet"
    monkeypatch.setattr(registry, "SIGNALS", (*registry.SIGNALS, Shouting()))
    result = verdict()
    assert (result.status, result.signals[-1].unit) == ("drifted", Shouting.unit)
    assert result.reason == "1 of 6 signals drifted (shouting); 1 are needed"
    report = WindowReport(
        window="2026-03-01T14", log_digest="d", rows=60, repeated_rows=0, result=result
    )
    write_report(report, tmp_path)
    assert "| shouting | shares of questions in capitals: change" in markdown(report)
    assert (tmp_path / "report.png").stat().st_size > 10_000


def _same_vectors(texts: Sequence[str]) -> np.ndarray:
    return np.ones((len(texts), 4), dtype=np.float32)
