from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.records import Message
from eval_sets.desk import load_facts, shop
from tasks.demo_desk.phrasing import look_alikes, wishes
from tasks.drift.comparison import DriftReport, WindowReport, compare
from tasks.drift.judge import Judge
from tasks.drift.report import markdown, write_report
from tasks.drift.rows import Rows, rows_of, word_number
from tasks.drift.signals import registry
from tasks.drift.signals.languages import Languages
from tasks.drift.signals.lengths import AnswerLength, QuestionLength
from tasks.drift.signals.novelty import Novelty
from tasks.drift.signals.shares import Declined, PersonalData, Repetition, Share
from tasks.drift.signals.signal import DriftSignal, Fitted, Means
from tasks.drift.signals.vocabulary import Vocabulary
from tasks.drift.texts import exchanges, plain, words
from tasks.drift.thresholds import Thresholds
from tasks.models.refusals import declines

BUDGET = Thresholds().budget  # pyright: ignore[reportCallIssue]
WIDTH = 8


def _vectors(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors that depend on a text's words alone."""
    rows = [np.random.default_rng(word_number(text) % 2**32).normal(size=WIDTH) for text in texts]
    stacked = np.array(rows, dtype=np.float32).reshape(len(texts), WIDTH)
    return stacked / np.linalg.norm(stacked, axis=1, keepdims=True)


def _rows(questions: Sequence[str], answers: Sequence[str] | None = None) -> Rows:
    return rows_of(list(zip(questions, answers or questions, strict=True)), _vectors)


def _change(signal: DriftSignal, reference: Rows, window: Rows) -> tuple[float, str]:
    fitted = signal.fit(reference)
    means = Means(expected=fitted.own.mean(axis=0), seen=fitted.of(window).mean(axis=0))
    return signal.change(means)


def test_a_longer_text_moves_across_the_quantiles_and_the_same_does_not() -> None:
    rng = random.Random(3)
    short = [" ".join("a" * 3 for _ in range(rng.randint(4, 12))) for _ in range(400)]
    longer = [" ".join("a" * 3 for _ in range(rng.randint(8, 24))) for _ in range(100)]

    for signal in (QuestionLength(), AnswerLength()):
        same, _ = _change(signal, _rows(short[:300]), _rows(short[300:]))
        moved, said = _change(signal, _rows(short), _rows(longer))
        back, told = _change(signal, _rows(longer), _rows(short))
        assert same < signal.threshold < moved
        assert said.endswith("longer")
        assert back > signal.threshold
        assert told.endswith("shorter")
    # Half of 4 to 12 words are 8 or fewer, of 8 to 24 words one in 17 is.
    assert moved == pytest.approx(0.6, abs=0.15)


def test_texts_of_one_length_have_no_quantiles_to_move_across() -> None:
    assert _change(QuestionLength(), _rows(["a b"] * 60), _rows(["a b"] * 60))[0] == 0
    assert _change(QuestionLength(), _rows(["a b"] * 60), _rows(["a b c"] * 60))[0] == 1


def test_the_vocabulary_counts_bits_of_the_reference() -> None:
    reference = _rows(["a a b", "a b c"])  # a 3, b 2, c 1; half a count more for each, and unseen
    fitted = Vocabulary().fit(reference)
    total = 6 + 0.5 * 4
    bits = {"a": -log2(3.5 / total), "c": -log2(1.5 / total), "new": -log2(0.5 / total)}
    expected = [(bits["a"] + bits["new"]) / 2, bits["c"]]
    assert fitted.of(_rows(["a new", "c"]))[:, 0].tolist() == pytest.approx(expected)
    # The first row is coded by the second alone: a 1, b 1.
    own = (2 * -log2(1.5 / (total - 3)) - log2(1.5 / (total - 3))) / 3
    assert fitted.own[0, 0] == pytest.approx(own)


def test_the_vocabulary_does_not_depend_on_how_many_rows_there_are() -> None:
    rng = random.Random(5)
    lexicon = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(20) for j in range(20)]
    texts = [" ".join(rng.choices(lexicon, k=6)) for _ in range(1400)]
    reference = _rows(texts[:700])

    small, large = (_change(Vocabulary(), reference, _rows(texts[-n:]))[0] for n in (60, 700))
    assert abs(small) < 0.1
    assert abs(large) < 0.1
    others = [" ".join(rng.choices([word[::-1] for word in lexicon], k=6)) for _ in range(60)]
    assert _change(Vocabulary(), reference, _rows(others))[0] > 1


def test_texts_without_words_do_not_break_the_vocabulary() -> None:
    assert _change(Vocabulary(), _rows(["?!"] * 60), _rows(["..."] * 60))[0] == 0
    assert np.isfinite(_change(Vocabulary(), _rows(["?!"] * 60), _rows(["who"] * 60))[0])


def _around(centre: int, count: int, seed: int, spread: float = 0.3) -> Any:
    rng = np.random.default_rng(seed)
    rows = np.eye(16)[centre] + rng.normal(0, spread / 4, (count, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _at(vectors: Any) -> Rows:
    """Rows that differ in their embeddings alone."""
    alike = _rows(["what is it"] * len(vectors), ["that"] * len(vectors))
    return replace(alike, embeddings=vectors, questions=np.arange(len(vectors)))


def test_new_topics_are_counted_and_repeats_of_known_ones_are_not() -> None:
    reference = _at(np.concatenate([_around(one, 100, one) for one in range(8)]))
    known = _around(3, 160, 90)
    fresh = _around(12, 40, 91)
    share, said = _change(Novelty(), reference, _at(np.concatenate([known, fresh])))
    assert share == pytest.approx(0.2, abs=0.05)
    assert "like none" in said
    assert _change(Novelty(), reference, _at(known))[0] < 0.05


def test_a_window_of_one_known_topic_is_quiet_however_far_apart_its_wordings_lie() -> None:
    close = np.concatenate([_around(one, 100, one) for one in range(8)])
    wide = _at(np.concatenate([close, _around(9, 200, 92, spread=0.5)]))
    judge = Judge(wide, wide.take([]), BUDGET, 0)
    signals, p_value = judge.signals(_at(_around(9, 100, 93, spread=0.5)))
    # Its rows are unusual among all of the reference's, and usual for their topic.
    assert _change(Novelty(), wide, _at(_around(9, 100, 93, spread=0.5)))[0] > 0.1
    assert [signal.name for signal in signals if signal.drifted] == []
    assert p_value > 0.05
    fired, p_value = judge.signals(_at(_around(12, 100, 94)))
    assert [signal.name for signal in fired if signal.drifted] == ["new topics"]
    assert p_value < 0.001


def test_a_question_asked_again_and_again_is_no_new_topic() -> None:
    reference = _at(np.concatenate([_around(one, 60, one) for one in range(4)]))
    window = _at(np.repeat(reference.embeddings[:5], 30, axis=0))
    assert _change(Novelty(), reference, window)[0] < 0.1


def test_shares_are_compared_both_ways() -> None:
    told, unknown = "The Tarn backpack costs 89 euros.", shop().unknown
    before = _rows([told] * 300, [told] * 270 + [unknown] * 30)
    for now, change in ((9, 0.01), (40, 0.3), (0, 0.1)):
        answers = [told] * (100 - now) + [unknown] * now
        moved, said = _change(Declined(), before, _rows([told] * 100, answers))
        assert moved == pytest.approx(change)
        assert said == f"{now}.0% of the answers decline, where 10.0% were expected"


def test_repeated_runs_of_words_and_redacted_values_are_shares() -> None:
    looping = "the tent is green " * 6
    assert _rows([looping]).repeated[0] == pytest.approx(1 - 4 / 21)
    assert _rows(["the tent is green and dry"]).repeated[0] == 0
    assert _change(Repetition(), _rows(["a b c d e"] * 60), _rows([looping] * 60))[0] > 0.5
    asked = ["mail <EMAIL_2> now"] * 30 + ["mail him <now>"] * 70
    assert _change(PersonalData(), _rows(["hello"] * 60), _rows(asked))[0] == pytest.approx(0.3)


def test_a_language_that_the_reference_lacks_is_seen() -> None:
    english = ["How long may I take to return a tent that leaks?", "Where is my parcel, please?"]
    german = ["Wie lange habe ich Zeit, um das Zelt zurückzugeben, bitte?"]
    reference = _rows(english * 40)
    assert _change(Languages(), reference, _rows(english * 20))[0] == 0
    moved, said = _change(Languages(), reference, _rows(english * 20 + german * 10))
    assert moved == pytest.approx(0.2)
    assert said.startswith("20.0% in languages that the reference hardly has")
    # Where both are usual, another mix is a change too.
    mixed = _rows(english * 20 + german * 10)
    assert _change(Languages(), mixed, _rows(german * 20))[0] == pytest.approx(0.8)


def test_the_desks_refusals_decline_and_its_answers_do_not() -> None:
    assert all(declines(reply) for reply in [wishes().refusal, shop().unknown])
    helpful = [answer for _, answer in (*wishes().harmless, *look_alikes())]
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


def test_rows_are_kept_and_taken_as_they_are(tmp_path: Path) -> None:
    rows = _rows(["one two", "", "three", "one two four"])
    rows.save(tmp_path / "rows.npz")
    again = Rows.load(tmp_path / "rows.npz")
    picked = again.take(np.array([3, 1, 0]))
    wanted = _rows(["one two four", "", "one two"])
    assert picked.vocabulary.tolist() == wanted.vocabulary.tolist()
    assert picked.starts.tolist() == wanted.starts.tolist() == [0, 3, 3, 5]
    assert np.array_equal(picked.embeddings, wanted.embeddings)
    rows.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "rows.npz").read_bytes()


class LongAnswers(Share):
    """An example of a signal, in one place."""

    name = "long answers"
    compares = "shares of answers of ten words and more"
    threshold = 0.3
    column = "answer_words"
    said = "of the answers are long"

    def fit(self, reference: Rows) -> Fitted:
        """Score a row by whether its answer is long."""

        def scores(rows: Rows) -> Any:
            return (rows.answer_words >= 10)[:, None].astype(float)

        return Fitted(scores(reference), scores)


def test_a_signal_is_added_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = [f"What does bell {chr(97 + n // 8)}{chr(97 + n % 8)} cost?" for n in range(64)]
    calm = _rows(asked, ["It costs nine euros, all in."] * 64)
    loud = [(question, "so " * 9 + "it is.") for question in asked]
    monkeypatch.setattr(registry, "SIGNALS", (*registry.SIGNALS, LongAnswers()))
    result: DriftReport = compare(Judge(calm, calm.take([]), BUDGET, 0), loud, _vectors)

    fired = [signal.name for signal in result.signals if signal.drifted]
    assert result.status == "drifted"
    assert (result.signals[-1].name, result.signals[-1].unit) == (fired[-1], LongAnswers.unit)
    assert result.reason.startswith(f"{len(fired)} of 9 signals drifted (")
    report = WindowReport(
        window="2026-03-01T14", log_digest="d", rows=64, repeated_rows=0, result=result
    )
    write_report(report, tmp_path)
    assert "| long answers | shares of answers of ten words and more: change" in markdown(report)
    assert (tmp_path / "report.png").stat().st_size > 10_000
