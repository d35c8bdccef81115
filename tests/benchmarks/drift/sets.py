"""Real questions for the benchmark of drift: a reference, a held-out part, and what is new to it.

Read from the shared data; nothing of it is copied. Writes nothing.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.records import Message
from tasks.drift.texts import exchanges

DATA = Path(__file__).resolve().parents[4] / "shared/data"
Pairs = list[tuple[str, str]]
_ANSWER = "Yes, that is possible."  # where a set has questions alone: no signal of answers speaks


@dataclass(frozen=True)
class Questions:
    """One set: `topics` are the quiet rows' own, for windows in which few of them stand out.

    `held_out` is a part of the data that the reference is of, as a snapshot's other splits are.
    """

    name: str
    reference: Pairs
    held_out: Pairs
    quiet: Pairs
    topics: list[str]
    new: Pairs


def every_set(seed: int) -> Iterator[Questions]:
    """Yield the sets; the first is the one that thresholds of size were chosen on."""
    yield _clinc()
    yield _clinc_without_intents(seed)
    yield _xquad(seed)
    yield _mathematics()
    yield _chats(seed)
    yield _instructions(seed)


def _clinc() -> Questions:
    rows = _intents()
    held = rows["val"] + rows["test"]
    return Questions(
        "requests (clinc150), new: out of scope",
        *_tenth_out(_asked(text for text, _ in rows["train"]), 1),
        _asked(text for text, _ in held),
        [intent for _, intent in held],
        _asked(text for text, _ in rows["oos_test"]),
    )


def _clinc_without_intents(seed: int) -> Questions:
    """Let a tenth of the intents be new: their neighbours stay, so they are harder to find."""
    rows = _intents()
    intents = sorted({intent for _, intent in rows["train"]})
    new = set(random.Random(seed).sample(intents, len(intents) // 10))
    held = rows["val"] + rows["test"]
    known = [(text, intent) for text, intent in held if intent not in new]
    return Questions(
        "requests (clinc150), new: a tenth of its intents",
        *_tenth_out(_asked(text for text, intent in rows["train"] if intent not in new), seed),
        _asked(text for text, _ in known),
        [intent for _, intent in known],
        _asked(text for text, intent in held if intent in new),
    )


def _xquad(seed: int) -> Questions:
    """Questions about articles; a fifth of the articles is new, and a third is held out."""
    articles = json.loads((DATA / "xquad/xquad.en.json").read_bytes())["data"]
    rng = random.Random(seed)
    rng.shuffle(articles)
    asked = [
        (qa["question"], qa["answers"][0]["text"], article["title"], number < len(articles) // 5)
        for number, article in enumerate(articles)
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    known = [(q, a, title) for q, a, title, new in asked if not new]
    rng.shuffle(known)
    third = len(known) // 3
    return Questions(
        "questions about articles (xquad), new: a fifth of its articles",
        *_tenth_out([(q, a) for q, a, _ in known[third:]], seed),
        [(q, a) for q, a, _ in known[:third]],
        [title for _, _, title in known[:third]],
        [(q, a) for q, a, _, new in asked if new],
    )


def _mathematics() -> Questions:
    parts = {
        name: [json.loads(line) for line in (DATA / f"gsm8k/{name}.jsonl").open()]
        for name in ("train", "test")
    }
    train, test = ([(row["question"], row["answer"]) for row in rows] for rows in parts.values())
    return Questions(
        "word problems (gsm8k), new: instructions",
        *_tenth_out(train, 1),
        test,
        [],
        _instruction_rows(),
    )


def _chats(seed: int) -> Questions:
    with gzip.open(DATA / "chitchat/conversations.jsonl.gz", "rt") as lines:
        talks = [
            exchanges(
                Message.model_validate(turn)
                for turn in json.loads(line)["messages"]
                if turn["content"]
            )
            for line in lines
        ]
    random.Random(seed).shuffle(talks)
    third = len(talks) // 3
    first, held, second = (
        [pair for talk in talks[place : place + third] for pair in talk][:most]
        for place, most in ((0, 6000), (third, 700), (2 * third, 6000))
    )
    return Questions(
        "chats (chitchat), new: instructions", first, held, second, [], _instruction_rows()
    )


def _instructions(seed: int) -> Questions:
    rows = _instruction_rows()
    random.Random(seed).shuffle(rows)
    requests = _asked(text for text, _ in _intents()["oos_test"])
    return Questions(
        "instructions, new: requests",
        *_tenth_out(rows[350:], seed),
        rows[:350],
        [],
        [(q, _ANSWER) for q, _ in requests],
    )


def _tenth_out(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """Return nine tenths and the other tenth, at random."""
    out = set(random.Random(seed).sample(range(len(pairs)), len(pairs) // 10))
    kept = [pair for place, pair in enumerate(pairs) if place not in out]
    return kept, [pairs[place] for place in sorted(out)]


def trace_lengths(name: str) -> tuple[list[int], list[int]]:
    """Return prompt and answer tokens of a trace of Azure's: `conv` or `code`."""
    with (DATA / f"azure-llm-trace/AzureLLMInferenceTrace_{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return (
        [int(row["ContextTokens"]) for row in rows],
        [int(row["GeneratedTokens"]) for row in rows],
    )


def _intents() -> dict[str, list[Any]]:
    return json.loads((DATA / "clinc150/data_full.json").read_bytes())


def _instruction_rows() -> Pairs:
    rows = json.loads((DATA / "instructions/instruction-data.json").read_bytes())
    return [(f"{row['instruction']}\n{row['input']}".strip(), row["output"]) for row in rows]


def _asked(texts: Iterator[str] | Sequence[str]) -> Pairs:
    return [(text, _ANSWER) for text in texts]
