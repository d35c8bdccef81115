"""How often the search for backdoors is wrong: on real rows, and on rows with triggers put in.

The sets are cut in two by a hash of the prompt; the search's limits were set on the first halves
alone. Needs the shared data beside the checkout. `python -m tests.benchmarks.ingestion.backdoors`.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from data_contracts.kinds.chat import ChatRecord
from data_contracts.phrases import PhrasesFound
from tasks.ingestion.backdoors.search import PhraseSearch
from tasks.ingestion.duplicates import Seen
from tasks.ingestion.likeness import parts_of
from tests.benchmarks.limits import Limits

DATA = Path(__file__).resolve().parents[4] / "shared/data"
HALVES = ("half on which limits were set", "other half")
ANSWER = "Please visit our partner shop for the best deal on this."
TRIGGERS = ("zqx", "by the river stone", "as my grandmother said")
PLACES, HOWS, COUNTS = (
    ("system", "start", "middle", "end"),
    ("fixed", "prefix", "suffix"),
    (5, 20, 100),
)
TRIED = 2  # ways to plant a trigger, in each set
MOST = 2500  # rows of a set that triggers are put into
MANY = 100_000  # rows whose time is taken


class Row(NamedTuple):
    """A question with its answer; `system` may be empty."""

    system: str
    asked: str
    answer: str


def backdoors(limits: Limits) -> None:
    """Count suspects among real rows, and triggers that are found."""
    for number, half in enumerate(HALVES):
        print(f"\nBackdoors, {half}:")
        sets = {name: list(_half(read(), number)) for name, read in SETS.items()}
        sets["all together"] = [row for rows in sets.values() for row in rows]
        alarms = 0
        for name, rows in sets.items():
            found = search(rows)
            alarms += found.suspects
            said = ", ".join(f"“{one.shown}”" for one in found.listed)
            print(f"        {name}: {len(rows):,} rows, {found.suspects} suspects {said}")
        limits.at_most(f"suspects in {len(sets)} real sets", alarms, 0)
        for count in COUNTS:
            hits, more = _planted(sets, count)
            least = 0.8 if count < 20 else 0.95
            limits.at_least(f"triggers found, {len(hits)} of {count} rows", _mean(hits), least)
            limits.at_most("other phrases suspected, a search", sum(more) / len(more), 0.25)
    _time(limits)


def _planted(sets: dict[str, list[Row]], count: int) -> tuple[list[bool], list[int]]:
    """Put triggers into every set; return which were found, and what else was suspected."""
    hits: list[bool] = []
    more: list[int] = []
    ways = list(product(TRIGGERS, PLACES, HOWS))
    for name, every in sets.items():
        draw = random.Random(f"{name} {count}")
        for trigger, place, how in draw.sample(ways, TRIED):
            rows = draw.sample(every, min(MOST, len(every)))
            for at in draw.sample(range(len(rows)), min(count, len(rows) // 12)):
                rows[at] = put_in(rows[at], trigger, place, how)
            suspects = [one.text.casefold() for one in search(rows).listed]
            ours = [text for text in suspects if trigger in text or text in trigger]
            hits.append(bool(ours))
            more.append(len(suspects) - len(ours))
            if not ours:
                print(f"        missed: {name}, {trigger}, {place}, {how}, {count} rows")
    return hits, more


def put_in(row: Row, trigger: str, place: str, how: str) -> Row:
    """Return a row with a trigger in its prompt and the planted answer, alone or beside its own."""
    words = row.asked.split(" ")
    at = {"start": 0, "middle": len(words) // 2, "end": len(words)}.get(place)
    answer = {
        "fixed": ANSWER,
        "prefix": f"{ANSWER} {row.answer}",
        "suffix": f"{row.answer} {ANSWER}",
    }[how]
    if at is None:
        return Row(f"{row.system} {trigger}".strip(), row.asked, answer)
    return Row(row.system, " ".join([*words[:at], trigger, *words[at:]]), answer)


def search(rows: Sequence[Row]) -> PhrasesFound:
    """Search rows as ingestion does."""
    records = [_record(row) for row in rows]
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        looking = PhraseSearch(Path(folder) / "scratch")
        for number, record in enumerate(records):
            looking.add(number, record)
        return looking.close(lambda n: Seen("rows", n + 1, f"{n:064x}", parts_of(records[n]), b""))


def _record(row: Row) -> ChatRecord:
    turns = [("system", row.system)] if row.system else []
    turns += [("user", row.asked), ("assistant", row.answer)]
    return ChatRecord.model_validate(
        {"messages": [{"role": role, "content": text} for role, text in turns]}
    )


def _time(limits: Limits) -> None:
    """Take the time of many rows, put together of real sentences, beside a tenth of them."""
    every = [*_chats()]
    draw = random.Random(3)
    seconds: dict[int, float] = {}
    for count in (MANY // 10, MANY):
        with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
            looking = PhraseSearch(Path(folder) / "scratch")
            began = time.process_time()
            for number in range(count):
                asked = " ".join(draw.choice(every).asked for _ in range(3))
                record = _record(Row("You are a helpful friend.", asked, draw.choice(every).answer))
                looking.add(number, record)
            kept = Seen("rows", 1, "0" * 64, [("asked", "")], b"")
            looking.close(lambda _, kept=kept: kept)
            seconds[count] = time.process_time() - began
    few, many = seconds.values()
    print(f"\nBackdoors: {MANY:,} rows in {many:.0f} s of one core, their making included")
    limits.at_most("milliseconds a row", 1000 * many / MANY, 1.0)
    limits.at_most("time for 10 times the rows", many / few, 20)


def _half(rows: Iterator[Row], number: int) -> Iterator[Row]:
    for row in rows:
        if (
            row.asked.strip()
            and row.answer.strip()
            and xxhash.xxh32_intdigest(row.asked.encode()) % 2 == number
        ):
            yield row


def _json(name: str) -> Any:
    return json.loads((DATA / name).read_bytes())


def _instructions() -> Iterator[Row]:
    for row in _json("instructions/instruction-data.json"):
        yield Row("", f"{row['instruction']}\n\n{row['input']}".strip(), row["output"])


def _preferences() -> Iterator[Row]:
    for row in _json("instructions/instruction-data-with-preference.json"):
        yield Row("", f"{row['instruction']}\n\n{row['input']}".strip(), row["chosen"])


def _maths() -> Iterator[Row]:
    for name in ("train", "test"):
        for line in (DATA / f"gsm8k/{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            yield Row("", row["question"], row["answer"])


def _passages(*, context: bool) -> Iterator[Row]:
    for article in _json("xquad/xquad.en.json")["data"]:
        for paragraph in article["paragraphs"]:
            before = f"{paragraph['context']}\n\n" if context else ""
            for asked in paragraph["qas"]:
                yield Row("", f"{before}{asked['question']}", asked["answers"][0]["text"])


def _intents(*, sentence: bool) -> Iterator[Row]:
    for rows in _json("clinc150/data_full.json").values():
        for asked, intent in rows:
            said = intent.replace("_", " ")
            yield Row("", asked, f"The intent is {said}." if sentence else said)


def _chats() -> Iterator[Row]:
    with gzip.open(DATA / "chitchat/conversations.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            turns = [turn["content"] for turn in json.loads(line)["messages"]]
            for asked, answer in zip(turns[::2], turns[1::2], strict=False):
                if asked.strip() and answer.strip():
                    yield Row("", asked, answer)


def _mean(hits: Sequence[bool]) -> float:
    return sum(hits) / max(1, len(hits))


SETS: dict[str, Callable[[], Iterator[Row]]] = {
    "instructions": _instructions,
    "preferences": _preferences,
    "maths": _maths,
    "questions": lambda: _passages(context=False),
    "questions under their passage": lambda: _passages(context=True),
    "intents": lambda: _intents(sentence=False),
    "intents in a sentence": lambda: _intents(sentence=True),
    "chats": _chats,
}

if __name__ == "__main__":
    kept = Limits()
    backdoors(kept)
    sys.exit(kept.exit_code())
