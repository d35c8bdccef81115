"""What tells rows apart: not the context that they share; and no row is lost for sharing one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ContractError
from data_contracts.snapshot.reading import SnapshotReport

Run = Callable[..., SnapshotReport]
Write = Callable[..., Path]
Row = dict[str, Any]

PARTS = ["saddle", "pedal", "chain", "fork", "wheel", "brake", "bell", "lamp", "tyre", "hub"]
JUDGED = {"great": "positive", "awful": "negative", "fine": "neutral", "cheap": "negative"}
VERBS = ["clean", "adjust", "replace", "tighten", "grease", "inspect"]
DRAW = random.Random(7)
LONG = " ".join(
    f"Rule {n}: always {DRAW.choice(VERBS)} the {DRAW.choice(PARTS)} before the "
    f"{DRAW.choice(PARTS)} when it is wet."
    for n in range(30)
)
PASSAGES = [
    " ".join(
        f"In {DRAW.randrange(1100, 1400)} the {DRAW.choice(PARTS)} of the town was old and the "
        f"{DRAW.choice(PARTS)} near the {DRAW.choice(PARTS)} was new."
        for _ in range(9)
    )
    for _ in range(5)
]
CARE = (
    "Take the wheel off first and clean it with a dry rag, then put a drop of oil on each link "
    "while you turn the pedals backwards, and wipe off what is too much before you ride again."
)
SORRY = (
    "I am sorry, but I cannot help with that, since somebody could be hurt by it. Please talk to "
    "a person whom you trust, or call the emergency services where you live."
)


def asked(question: str, answer: str, given: str = "") -> Row:
    return {"instruction": question, "input": given, "output": answer}


def chat(*said: str, system: str = "") -> Row:
    roles = ["user", "assistant"] * len(said)
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


DIFFERENT: dict[str, tuple[str, list[Row]]] = {
    "questions about a passage": (
        "instruction",
        [asked(f"How old is the {one}?", one, text) for text in PASSAGES for one in PARTS],
    ),
    "questions with the same answer, in one message with the passage": (
        "chat",
        [chat(f"{text} Is the {one} near?", "yes") for text in PASSAGES for one in PARTS],
    ),
    "claims that stand in the passage": (
        "chat",
        [
            chat(f"{text} Is this right: {claim}.", "yes")
            for text in PASSAGES
            for claim in dict.fromkeys(text.split(". ")[2:7])
        ],
    ),
    "labels under a template": (
        "instruction",
        [asked(f"{LONG} Now judge: the {p} is {j}", w) for p in PARTS for j, w in JUDGED.items()],
    ),
    "labels of short inputs": (
        "instruction",
        [asked("Judge this.", w, f"The {p} is {j}") for p in PARTS for j, w in JUDGED.items()],
    ),
    "one word amid a template, the same long answer": (
        "instruction",
        [asked(f"{LONG} How do I {v} the {p}? {LONG[:300]}", CARE) for v in VERBS for p in PARTS],
    ),
    "queries over one schema": (
        "instruction",
        [asked(f"The {v} {p} of all", f"SELECT {v}({p})", LONG) for v in VERBS for p in PARTS],
    ),
    "a long system message": (
        "chat",
        [chat(f"How do I {v} the {p}?", f"{v}!", system=LONG) for v in VERBS for p in PARTS],
    ),
    "a common opening": (
        "chat",
        [chat("I need help.", LONG, f"And the {p}?", "Weekly.") for p in PARTS]
        + [chat("I need help.", LONG)],
    ),
    "refusals": (
        "chat",
        [chat(f"How do I break a {p} {how}?", SORRY) for p in PARTS for how in ("now", "fast")],
    ),
    "numbers": (
        "instruction",
        [asked(f"{LONG} What is {a}{o}{b}?", "odd") for a in range(4) for o in "+-*" for b in "57"],
    ),
    "a sign before the answer": (
        "instruction",
        [asked(LONG, f"{sign}{n}", "compute") for n in range(10) for sign in ("", "-")],
    ),
    "documents under a licence": (
        "document",
        [{"text": f"{LONG}\n\ndef {v}_{p}(x): return {v}({p}, x)"} for v in VERBS for p in PARTS],
    ),
    "preferences with one better answer": (
        "preference",
        [
            {"prompt": f"How do I look after the {p}?", "chosen": CARE, "rejected": f"Ask {v}."}
            for p in PARTS
            for v in VERBS[:3]
        ],
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_rows_that_share_a_context_are_kept(case: str, run_ingest: Run, write_jsonl: Write) -> None:
    kind, rows = DIFFERENT[case]
    report = run_ingest(write_jsonl(rows), kind)
    assert (report.kept, report.near_duplicates) == (len(rows), 0), report.examples


WORDS = [f"{one}{two}" for one in ("har", "lan", "kor", "sai", "vio") for two in PARTS]
STORIES = [
    f"Once {' '.join(DRAW.sample(WORDS, 24))}, and nobody asked why in the evening."
    for _ in range(10)
]
ALIKE: dict[str, Callable[[str], Row]] = {
    "a typo in the question": lambda story: chat(story.replace("evening", "evnening"), CARE),
    "a typo in the answer": lambda story: chat(story, CARE.replace("backwards", "backwxrds")),
    "a word of the answer": lambda story: chat(story, CARE.replace("ride again", "drive again")),
    "a word of the question": lambda story: chat(story.replace("nobody", "somebody"), CARE),
    "white space and full stops": lambda story: chat(f"{story[:-1]} !", f" {CARE}\n\n"),
    "capital letters": lambda story: chat(story.upper(), CARE),
    "a sentence at the end": lambda story: chat(story, f"{CARE} I hope that this helps!"),
    "quotes and dashes": lambda story: chat(
        story.replace("Once", "“Once”").replace(", and", " — and"), CARE.replace(", ", " – ")
    ),
    "the dash of a range": lambda story: chat(f"{story} 3–5", CARE),
    "hidden characters": lambda story: chat(story.replace("nobody", "​ nobody️"), CARE),
    "exclamation marks": lambda story: chat(f"{story[:-1]}?!", f"{CARE[:-1]}!!!"),
    "the full stop in Hindi": lambda story: chat(f"{story[:-1]}।", CARE),
    "thousands": lambda story: chat(story, f"{CARE} 10,000"),
    "the system message": lambda story: chat(story, CARE, system="You are kind and brief."),
}
# What the first of two has in the end, for the second to write it otherwise.
ASKED, SAID = {"the dash of a range": " 3-5"}, {"thousands": " 10000"}


@pytest.mark.parametrize("case", ALIKE)
def test_what_says_the_same_in_other_words_is_dropped(
    case: str, run_ingest: Run, write_jsonl: Write
) -> None:
    rows = [
        chat(f"{story}{ASKED.get(case, '')}", f"{CARE}{SAID.get(case, '')}") for story in STORIES
    ]
    report = run_ingest(write_jsonl([*rows, *map(ALIKE[case], STORIES)]), "chat")
    assert (report.kept, report.near_duplicates) == (10, 10), report.examples


def test_each_of_many_copies_is_found(run_ingest: Run, write_jsonl: Write) -> None:
    """Copies share their text with each other, too, and yet it is not what many rows share."""
    words = f"{LONG} {CARE}".replace("Rule ", "").split()
    copies: list[Row] = []
    for place in range(40, 160, 4):
        changed = list(words)
        changed[place] = f"{changed[place]}ish"
        copies.append({"text": " ".join(changed)})
    rows = [{"text": " ".join(words)}, *({"text": text} for text in PASSAGES + STORIES), *copies]
    report = run_ingest(write_jsonl(rows), "document", contract=lax_document())
    assert (report.kept, report.near_duplicates) == (16, 30)


def lax_document() -> Any:
    from data_contracts.contract_files import default_contract

    usual = default_contract("document")
    return usual.model_copy(
        update={"duplicates": usual.duplicates.model_copy(update={"max_share": 1.0})}
    )


def test_mass_loss_stops_unless_the_contract_allows_it(
    run_ingest: Run, write_jsonl: Write, tmp_path: Path
) -> None:
    rows = [chat(story, CARE) for story in STORIES]
    edits = [ALIKE["a typo in the question"], ALIKE["a word of the answer"]]
    source = write_jsonl([*rows, *(edit(story) for edit in edits for story in STORIES)])
    with pytest.raises(ContractError, match=r"duplicate_share is 0\.666667"):
        run_ingest(source, "chat")
    assert (tmp_path / "out" / "duplicates.parquet").is_file()
