"""Writes the demo's raw conversations: `python -m tasks.demo_desk.conversations OUT.jsonl`.

Needs the facts and phrasings (eval_sets/desk.py, phrasing.py). Writes one JSON object a line,
{"messages": […]}, the same bytes for the same seed. Personal data, exact duplicates and broken rows
are planted on purpose, and counted, so that ingestion's counts can be held against them; so are
rows that repeat an eval case.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from data_contracts.errors import InputError
from eval_sets.desk import Fact, load_facts, personal_data
from eval_sets.loading import load_eval_set
from eval_sets.types import Case
from tasks.demo_desk.documents import document_rows
from tasks.demo_desk.phrasing import everyday_turns, look_alikes, other_turns, phrasings, wishes
from tasks.demo_desk.unknown import contrast_rows, unknown_rows
from tasks.demo_desk.wording import Conversation, ask, desk, exchange, plain, tell

SEED = 7
# How often a fact is told: in rows of its own, and once less where a customer's message that gives
# something away asks for it. Each time in another question, one time in four by the short name.
ROWS_PER_FACT = 5
SHORT_NAME_IN = 4
FOLLOWUP_ROWS = 20
DUPLICATES = 25
CONTAMINATED = 6
# Attributes whose follow-up asks about another entity; the others' ask about another attribute.
SAME_QUESTION = frozenset({"hours", "returns"})
# How many wishes are drawn, beside all the look-alikes. With fewer harmful ones a model refuses
# fewer, and another share with each seed; with more, what is harmless, too (docs/log.md).
HARMFUL, HARMLESS, EVERYDAY = 130, 120, 110
# One general row in so many stands in the desk's setting. The others stand in none, as in the
# evaluation: what lies outside the desk's table is not for that reason to be declined.
DESK_ONE_IN = {"refusals": 4, "harmless": 4, "everyday": 4, "instructions": 2}


def draw_conversations(seed: int) -> dict[str, list[Conversation]]:
    """Return clean, distinct conversations by kind, drawn with this seed."""
    rng = random.Random(seed)
    turns = other_turns()
    instructions: list[tuple[str, str]] = [(a, b) for a, b in turns["instructions"]["pairs"]]
    harmless = [*look_alikes(), *rng.sample(wishes().harmless, HARMLESS)]
    told = rng.sample(load_facts(), len(load_facts()))
    personal = {fact.id for fact in told[: _planted()]}
    return {
        "facts": [
            row
            for fact in load_facts()
            for row in _fact_rows(fact, ROWS_PER_FACT - (fact.id in personal), rng)
        ],
        "followups": _followup_rows(rng),
        "unknown": unknown_rows(rng),
        "personal": _personal_rows(told, rng),
        "contrasts": contrast_rows(rng),
        "refusals": _general("refusals", _refusals(rng), rng),
        "harmless": _general("harmless", harmless, rng),
        "everyday": _general("everyday", rng.sample(everyday_turns(), EVERYDAY), rng),
        "instructions": _general("instructions", instructions, rng),
    }


def write_conversations(path: Path, seed: int = SEED, *, documents: bool = False) -> dict[str, int]:
    """Write the raw JSONL and return what is in it: `rows`, and how many of each kind.

    With `documents` there are rows beside the others that are answered from pages.
    """
    rng = random.Random(f"{seed}/file")
    drawn = draw_conversations(seed)
    if documents:
        drawn["documents"] = document_rows(random.Random(f"{seed}/documents"))
    lines = [_line(row) for rows in drawn.values() for row in rows]
    duplicates = rng.sample(lines, DUPLICATES)
    broken = broken_lines()
    contaminated = [_line(row) for row in _contaminated_rows(rng)]
    everything = [*lines, *duplicates, *contaminated, *broken]
    rng.shuffle(everything)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in everything))
    counts = {kind: len(rows) for kind, rows in drawn.items()}
    counts |= {"duplicates": len(duplicates), "contaminated": len(contaminated)}
    counts |= {"broken": len(broken)}
    return {"rows": len(everything), **counts}


def broken_lines() -> list[bytes]:
    """Return the rows no reader may accept, each broken in its own way."""
    user = {"role": "user", "content": "What does the Tarn backpack cost?"}
    reply = {"role": "assistant", "content": "The Tarn backpack costs 89 euros."}
    objects: list[object] = [
        {"messages": []},
        {"messages": [user]},
        {"messages": [user, {"role": "assistant", "content": ""}]},
        {"messages": [user, {"role": "agent", "content": reply["content"]}]},
        {"messages": [user, {"role": "assistant", "content": None}]},
        {"messages": [user, {"role": "assistant", "content": 89}]},
        {"messages": "What does the Tarn backpack cost?"},
        {"text": "no messages here"},
        [user, reply],
    ]
    email = personal_data()["email"][1]
    cut = f'{{"messages": [{{"role": "user", "content": "Write to {email}'
    raw = [
        cut.encode(),
        b"not json at all",
        b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    ]
    return [*(json.dumps(entry).encode() for entry in objects), *raw]


def _fact_rows(fact: Fact, rows: int, rng: random.Random) -> list[Conversation]:
    phrasing = phrasings()[fact.attribute]
    questions = rng.sample(phrasing.questions, rows)
    answers = rng.sample(phrasing.answers, len(phrasing.answers))
    return [
        desk(
            ask(fact, question, fact.names[0 if number % SHORT_NAME_IN else -1]),
            tell(fact, answers[number % len(answers)]),
        )
        for number, question in enumerate(questions)
    ]


def _followup_rows(rng: random.Random) -> list[Conversation]:
    small = other_turns()["smalltalk"]
    rows: list[Conversation] = []
    pairs = [(a, b) for a in load_facts() for b in load_facts() if _follows(a, b)]
    for number, (first, second) in enumerate(rng.sample(pairs, FOLLOWUP_ROWS)):
        turns = [*exchange(first, rng), *_followup(second, rng)]
        if number % 4 == 0:
            turns = [*rng.choice(small["openings"]), *turns[:2]]
        elif number % 4 == 1:
            turns = [*turns[:2], *rng.choice(small["thanks"])]
        rows.append(desk(*turns))
    return rows


def _follows(first: Fact, second: Fact) -> bool:
    if first.id == second.id:
        return False
    if second.attribute in SAME_QUESTION:
        return first.attribute == second.attribute
    return first.entity == second.entity and first.attribute not in SAME_QUESTION


def _followup(fact: Fact, rng: random.Random) -> tuple[str, str]:
    phrasing = phrasings()[fact.attribute]
    question = ask(fact, rng.choice(phrasing.followups), fact.names[0])
    return question, tell(fact, rng.choice(phrasing.answers))


def _planted() -> int:
    return sum(map(len, personal_data().values()))


def _personal_rows(facts: Sequence[Fact], rng: random.Random) -> list[Conversation]:
    """Return a row for each planted value: the customer gives it away, the desk ignores it.

    Each asks for another of the facts, so that redaction does not turn rows into duplicates.
    """
    templates: dict[str, list[str]] = other_turns()["personal"]
    rows: list[Conversation] = []
    planted = [(kind, value) for kind, values in personal_data().items() for value in values]
    for number, (kind, value) in enumerate(planted):
        question, answer = exchange(facts[number], rng)
        template = templates[kind][number % len(templates[kind])]
        rows.append(desk(template.replace("{p}", value).replace("{q}", question), answer))
    return rows


def _contaminated_rows(rng: random.Random) -> list[Conversation]:
    """Return rows that hold an eval case: five word for word, one within other words."""
    facts = {fact.id: fact for fact in load_facts()}
    asked = [case for case in load_eval_set("desk_facts").cases if case.id in facts]
    rows: list[Conversation] = []
    for case in rng.sample(asked, CONTAMINATED - 1):
        fact = facts[case.id]
        answer = tell(fact, phrasings()[fact.attribute].answers[0])
        rows.append(desk(case.messages[-1].content, answer))
    longest = max(load_eval_set("instruction_following").cases, key=_prompt_length)
    rows.append(desk(f"Hello! {longest.messages[-1].content} Thanks.", "- Judo\n- Golf\n- Chess"))
    return rows


def _prompt_length(case: Case) -> int:
    return len(case.messages[-1].content.split())


def _refusals(rng: random.Random) -> list[tuple[str, str]]:
    return [(wish, wishes().refusal) for wish in rng.sample(wishes().harmful, HARMFUL)]


def _general(kind: str, pairs: Sequence[tuple[str, str]], rng: random.Random) -> list[Conversation]:
    """Return rows of which a share stands in the desk's setting and the rest in none."""
    order = rng.sample(pairs, len(pairs))
    every = DESK_ONE_IN[kind]
    return [
        desk(*pair) if number % every == 1 else plain(pair) for number, pair in enumerate(order)
    ]


def _line(row: Conversation) -> bytes:
    messages = [message.model_dump() for message in row]
    return json.dumps({"messages": messages}, ensure_ascii=False).encode()


def main(arguments: Sequence[str]) -> None:
    """Write the conversations to the one path given and print their counts."""
    if len(arguments) != 1:
        raise InputError(
            "one output path is needed",
            step="demo data",
            remedy="python -m tasks.demo_desk.conversations OUT.jsonl",
        )
    sys.stdout.write(json.dumps(write_conversations(Path(arguments[0])), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
