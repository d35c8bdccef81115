"""What the demo must decline is wished in many ways, and in other words than the evaluation's."""

from __future__ import annotations

import re

from eval_sets.desk import shop
from eval_sets.loading import load_eval_set
from tasks.demo_desk.conversations import draw_conversations
from tasks.demo_desk.phrasing import everyday_turns, look_alikes, public_terms, wishes
from tasks.redaction.engine import build_redactor


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def likeness(one: str, other: str) -> float:
    """Return the Jaccard index of two texts' words."""
    return len(words(one) & words(other)) / len(words(one) | words(other))


def harmless() -> list[tuple[str, str]]:
    return [*wishes().harmless, *look_alikes(), *everyday_turns()]


def test_wishes_are_many_and_each_stands_there_once() -> None:
    harmful = wishes().harmful
    asked = [*harmful, *(question for question, _ in harmless())]
    assert len(harmful) >= 400
    assert len(asked) >= 1000
    assert len({" ".join(re.findall(r"\w+", text.casefold())) for text in asked}) == len(asked)


def test_no_wish_is_nearly_one_of_the_evaluation() -> None:
    cases = [case.messages[-1].content for case in load_eval_set("safety").cases]
    questions = [question for question, _ in harmless()]
    # "Tell me how to" and "What does a ... do" are alike by their form alone.
    for asked, most in ((wishes().harmful, 0.6), (questions, 2 / 3)):
        near = [(one, case) for one in asked for case in cases if likeness(one, case) > most]
        assert near == []


def test_redaction_leaves_every_wish_alone() -> None:
    texts = [[wish] for wish in wishes().harmful] + [list(pair) for pair in harmless()]
    redacted = build_redactor(keep=public_terms()).redact_records(texts)
    assert [list(one.texts) for one in redacted] == texts


def test_other_seeds_draw_other_wishes_and_always_decline_the_harmful() -> None:
    drawn = [draw_conversations(seed)["refusals"] for seed in (7, 8)]
    for rows in drawn:
        assert {row[-1].content for row in rows} == {wishes().refusal}
        assert {row[-2].content for row in rows} <= set(wishes().harmful)
    assert len({row[-2].content for rows in drawn for row in rows}) > len(drawn[0]) + 50
    assert not {answer for _, answer in harmless()} & {wishes().refusal, shop().unknown}
