"""What tells rows apart beside words: signs, figures, names and case; and what still does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from data_contracts.kinds.registry import RecordKind
from data_contracts.records import record_id
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.likeness import parts_of
from tasks.ingestion.mapping import read_row
from tasks.ingestion.similarity import signature
from tests.tasks.ingestion.test_near_duplicates import (
    CARE,
    DRAW,
    LONG,
    PARTS,
    PASSAGES,
    VERBS,
    Row,
    asked,
    chat,
)

CLOSED = dict(zip("([{<", ")]}>", strict=True))
OPENED = ["".join(DRAW.choices("([{<", k=size)) for size in range(2, 30)]
RECORD = {part: verb for part, verb in zip(PARTS, VERBS * 2, strict=False)}
STORM = f"{PASSAGES[0]} What happened {{}} the storm?"


def document(said: str) -> Row:
    return {"text": f"{PASSAGES[0]} {said} {PASSAGES[1]}"}


DIFFERENT: dict[str, tuple[RecordKind, list[Row]]] = {
    "brackets to close": (
        "instruction",
        [
            asked("Close them.", " ".join(CLOSED[one] for one in reversed(row)), " ".join(row))
            for row in OPENED
        ],
    ),
    "brackets with the same label": (
        "instruction",
        [asked(f"{LONG} Are these balanced: {row}", "no") for row in OPENED],
    ),
    "one sign more of the same": (
        "instruction",
        [asked(f"{LONG} How many are these: {'(' * n}", "many") for n in range(3, 8)],
    ),
    "signs of mathematics": (
        "instruction",
        [asked(f"{LONG} Is this true: A {sign} B", "yes") for sign in "∪∩≤≥×÷"],
    ),
    "where a number has its point": (
        "instruction",
        [asked(f"{LONG} Is {number} much?", "yes") for number in ("1.5", "15", "-15", "1.56")],
    ),
    "a negation of code": (
        "instruction",
        [asked(f"{LONG} Does it stop: if ({sign}ready) return;", "yes") for sign in ("", "!")],
    ),
    "emoji as labels": ("instruction", [asked(LONG, label) for label in "👍👎☔"]),
    "emoji in the question": (
        "instruction",
        [asked(f"{LONG} Who lives here: {one}", "an animal") for one in "🐶🐱🐸"],
    ),
    "stars": ("instruction", [asked(LONG, "★" * stars) for stars in range(1, 6)]),
    "punctuation as the answer": ("instruction", [asked(LONG, sign) for sign in ",;?!"]),
    "vowel signs in the answer": (
        "instruction",
        [asked(LONG, f"इस का अर्थ {word}") for word in ("दिन", "दीन", "दान")],
    ),
    "vowel signs in the question": (
        "instruction",
        [asked(f"{LONG} {word}", "hello") for word in ("लड़का", "लड़की", "लड़के")],
    ),
    "case": (
        "instruction",
        [
            asked(f"Write this in {case} case: {LONG}", text)
            for case, text in (("upper", LONG.upper()), ("lower", LONG.lower()))
        ],
    ),
    "case that the system message asks for": (
        "chat",
        [
            chat("What is the care?", text, system=f"{LONG} You write in {case} case.")
            for case, text in (("upper", CARE.upper()), ("lower", CARE.lower()))
        ],
    ),
    "layout": (
        "instruction",
        [
            asked(f"{LONG} Put all of this into {form}: {RECORD}", text)
            for form, text in (
                ("json", json.dumps(RECORD)),
                ("yaml", "\n".join(f"{name}: {value}" for name, value in RECORD.items())),
            )
        ],
    ),
    "two questions about each passage with the same label": (
        "chat",
        [
            chat(f"{text} Question: is the {place} word of the text a verb?", "yes")
            for text in PASSAGES
            for place in ("first", "second")
        ],
    ),
    "two questions after a long answer with the same label": (
        "chat",
        [
            chat("Tell me more.", CARE, f"{LONG} Is the {place} word of the text a verb?", "yes")
            for place in ("first", "second")
        ],
    ),
    "two questions about a passage to prefer with": (
        "preference",
        [
            {"prompt": STORM.format(when), "chosen": "nothing of note", "rejected": "a flood"}
            for when in ("before", "after")
        ],
    ),
    "another question, and an answer with a letter changed": (
        "chat",
        [
            chat(f"{LONG} Which {what} do I need?", CARE.replace("pedals", part))
            for what, part in (("part", "pedals"), ("tool", "petals"))
        ],
    ),
    "figures in documents": (
        "document",
        [document(f"The fee is {n} a month.") for n in (100, 250)],
    ),
    "names in documents": (
        "document",
        [document(f"The owner is {name} of the village.") for name in ("Anna", "Peter")],
    ),
    "findings in documents": (
        "document",
        [document(f"The result of it was {found}.") for found in ("positive", "negative")],
    ),
    "what documents deny": (
        "document",
        [document(f"They are {said} to pay.") for said in ("able", "unable", "not able")],
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_rows_that_differ_in_what_is_no_other_word_are_kept(case: str, tmp_path: Path) -> None:
    kind, rows = DIFFERENT[case]
    assert kept(kind, rows, tmp_path / "rows") == rows


ADDED: dict[str, Callable[[str], str]] = {
    "a footer": lambda text: f"{text} Read More",
    "a header": lambda text: f"Published 2021 {text}",
    "a sentence amid it": lambda text: text.replace(
        ". In", ". Copyright 2021 by The Bicycle Press, not for sale. In", 1
    ),
    "a word": lambda text: text.replace("near the", "close to the", 1),
}


@pytest.mark.parametrize("case", ADDED)
def test_documents_to_which_a_source_added_words_are_dropped(case: str, tmp_path: Path) -> None:
    rows = [{"text": text} for text in PASSAGES]
    more = [{"text": ADDED[case](text)} for text in PASSAGES]
    assert not [row for row in rows if row in more]
    assert kept("document", [*rows, *more], tmp_path / "rows") == rows


def kept(kind: RecordKind, rows: Sequence[Row], path: Path) -> list[Row]:
    """Return the rows that are like none before them."""
    seen, stay = SeenRows(path, 0.8), list[Row]()
    for line, row in enumerate(rows):
        record, _ = read_row(kind, row, {})
        signed = signature(record.texts())
        number = seen.add(Seen("rows", line, record_id(record), parts_of(record), signed))
        if seen.nearly(number, signed):
            seen.leave_out(number)
        else:
            stay.append(row)
    seen.close()
    return stay
