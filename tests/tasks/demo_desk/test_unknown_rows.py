"""The desk says that it doesn't know exactly where its table holds nothing."""

from __future__ import annotations

import re

from eval_sets.desk import load_facts, shop
from eval_sets.loading import evaluation_texts, load_eval_set
from tasks.demo_desk.conversations import draw_conversations
from tasks.demo_desk.phrasing import other_turns, phrasings
from tasks.demo_desk.wording import Conversation


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def said(row: Conversation, role: str) -> list[str]:
    return [message.content for message in row if message.role == role]


def test_unknown_names_are_many_and_neither_known_nor_asked_in_the_evaluation() -> None:
    unknown = other_turns()["unknown"]
    names = [name for kind in ("product", "courier") for name in unknown[kind]]
    assert len({name.split()[0] for name in names}) == len(names) >= 80
    known = {name for fact in load_facts() for name in fact.names}
    asked = evaluation_texts([load_eval_set("desk_facts")])
    taken = {word for text in [*known, *asked] for word in words(text)}
    assert not {name.split()[0].casefold() for name in names} & taken
    assert not {*unknown["category"], *unknown["repair"], *unknown["day"]} & known
    texts = "\n".join(asked)
    assert not [name for name in unknown["category"] + unknown["repair"] if name in texts]


def test_the_desk_knows_nothing_of_the_unknown_and_all_of_the_known() -> None:
    drawn = draw_conversations(7)
    assert {said(row, "assistant")[0] for row in drawn["unknown"]} == {shop().unknown}
    assert len({said(row, "user")[0] for row in drawn["unknown"]}) == len(drawn["unknown"])
    told = {(fact.names[0], fact.attribute): fact for fact in load_facts()}
    wordings = {
        question.replace("{e}", name): (name, attribute)
        for attribute, phrasing in phrasings().items()
        for question in phrasing.questions
        for name in {fact.names[0] for fact in load_facts()}
    }
    asked = {wordings.get(said(row, "user")[0]) for row in drawn["unknown"]} - {None}
    assert len(asked) == 11  # what the table leaves open
    assert not asked & told.keys()
    known = [name for fact in load_facts() for name in fact.names if fact.kind == "product"]
    for row in drawn["contrasts"]:
        for question, answer in zip(said(row, "user"), said(row, "assistant"), strict=True):
            assert any(name in question for name in known) == (answer != shop().unknown), question
