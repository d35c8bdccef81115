"""What the finder of names saves, and what it loses, by leaving sentences out.

Run it: `python tests/benchmarks/redaction/names_speed.py` (five minutes). The finder gives its
model only sentences with a word that may be a name. Here the model reads every sentence too. What
it marks as a name in a sentence that was left out would be lost: on the labelled set every label
that is lost is counted (0 is the goal); on the chats, which have no labels, all that the model
marks there is listed by reason. Then the speeds, on one core, with the limit beside them: the
model alone, in batches, over every sentence.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.redaction.labelled import Sentence as Labelled

CHECKOUT = Path(__file__).resolve().parents[3]
CHATS = CHECKOUT.parent / "shared/data/chitchat/conversations.jsonl.gz"
NAME_LABELS = ("PERSON", "LOCATION", "ORGANIZATION")
SHOWN = 12  # examples a reason
SHORTEST = 2  # letters; a word of no more is a name only with its capital
BETWEEN = "\n\n"  # texts of one conversation are searched as one


@dataclass(frozen=True, slots=True)
class Left:
    """A sentence that was left out: its place in a text."""

    text: int
    start: int
    end: int


def main() -> None:
    """Print what is lost and how fast it is, for both sets."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[name] = "1"  # before anything loads a BLAS
    sys.path[:0] = [str(CHECKOUT), str(Path(__file__).parent)]
    labelled()
    chats()


def labelled() -> None:
    """Count the labels of the labelled set that lie in sentences left out."""
    from labelled import read_sentences

    rows = read_sentences("both")
    texts = [row.text for row in rows]
    left = left_out(texts)
    by_text: dict[int, list[Left]] = defaultdict(list)
    for one in left:
        by_text[one.text].append(one)
    lost, found = [], model_names(texts, left)
    for number, row in enumerate(rows):
        for label in row.labels:
            if label.name in NAME_LABELS and any(
                one.start <= label.start and label.end <= one.end for one in by_text[number]
            ):
                value = row.text[label.start : label.end]
                marked = any(n == number and s < label.end and label.start < e for n, s, e in found)
                lost.append(
                    (
                        label.name,
                        value,
                        "the model marks it" if marked else "the model misses it too",
                    )
                )
    everything = sum(label.name in NAME_LABELS for row in rows for label in row.labels)
    print(
        f"labelled set: {len(left)} sentences left out; of {everything} labels of names they hold"
    )
    print(
        f"  {sum(why == 'the model marks it' for *_, why in lost)} that the model would find there"
    )
    print(f"  {sum(why != 'the model marks it' for *_, why in lost)} that it would miss as well")
    for kind, value, why in lost[:SHOWN]:
        print(f"    {kind} {value!r}: {why}")
    speeds("labelled set", texts)


def chats() -> None:
    """List what the model marks in sentences of the chats that were left out."""
    texts = chat_texts()
    left = left_out(texts)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for number, start, end in model_names(texts, left):
        value = texts[number][start:end]
        reasons[reason(value)][value] += 1
    total = sum(counter.total() for counter in reasons.values())
    print(f"\nchats: {len(left)} sentences left out; the model marks {total} names in them")
    for why, counter in sorted(reasons.items(), key=lambda one: -one[1].total()):
        sample = random.Random(3).sample(sorted(counter), min(SHOWN, len(counter)))
        print(f"  {counter.total():6} {why}: {', '.join(map(repr, sample))}")
    speeds("chats", texts)


def chat_texts() -> list[str]:
    """Return the conversations, each as one text."""
    with gzip.open(CHATS, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [BETWEEN.join(message["content"] for message in row["messages"]) for row in rows]


def left_out(texts: Sequence[str]) -> list[Left]:
    """Return the sentences that the finder does not give to its model."""
    from tasks.redaction.names.finder import read_sentences
    from tasks.redaction.names.technical import read_code
    from tasks.redaction.names.word_lists import word_lists

    return [
        Left(number, start, end)
        for number, text in enumerate(texts)
        for start, end, read in read_sentences(text, word_lists(), read_code(text))
        if read is None
    ]


def lost_names(texts: Sequence[str]) -> list[str]:
    """Return the names that leaving sentences out loses, for texts without labels.

    Counted is what the model marks in a sentence left out, where the lists have every word of it
    as a first name or a place and as no English word: `reason` sorts the rest, which are
    exclamations, common words and codes. A handle ("@ben") is no name here.
    """
    return [
        texts[number][start:end]
        for number, start, end in model_names(texts, left_out(texts))
        if _is_listed(texts[number][start:end])
        and "@" not in texts[number][max(0, start - 1) : end]
    ]


def lost_labels(rows: Sequence[Labelled]) -> list[str]:
    """Return the labelled names that the model would find in sentences that it does not get."""
    texts = [row.text for row in rows]
    marked = model_names(texts, left_out(texts))
    return [
        texts[number][label.start : label.end]
        for number, start, end in marked
        for label in rows[number].labels
        if label.name in NAME_LABELS and start < label.end and label.start < end
    ]


def _is_listed(value: str) -> bool:
    from tasks.redaction.names.word_lists import fold, word_lists
    from tasks.redaction.names.words import WORD

    lists = word_lists()
    words = [fold(word).removesuffix("'s") for word in WORD.findall(value)]
    return bool(words) and all(
        (word in lists.first_names or word in lists.places)
        and not lists.known(word)
        and word not in lists.proper
        and len(word) > SHORTEST
        for word in words
    )


def model_names(texts: Sequence[str], left: Sequence[Left]) -> list[tuple[int, int, int]]:
    """Return what the model marks as a name in these sentences: text, start, end."""
    from tasks.redaction.names.entities import OTHER
    from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, load_names_model

    model = load_names_model(DEFAULT_NAMES_MODEL)
    read = model.read([texts[one.text][one.start : one.end] for one in left])
    return [
        (one.text, one.start + entity.start, one.start + entity.end)
        for one, entities in zip(left, read, strict=True)
        for entity in entities
        if entity.kind != OTHER
    ]


def reason(value: str) -> str:
    """Say why a sentence with this name was left out."""
    from tasks.redaction.names.word_lists import fold, word_lists

    lists = word_lists()
    words = [word for word in fold(value).replace("'", " ").split() if word]
    if value.islower():
        return "written small"
    if not any(char.isalpha() for char in value):
        return "no letters"
    if any(word in lists.never for word in words):
        return "days, languages, abbreviations, exclamations"
    if all(lists.known(word.strip('.,!?:;"()')) for word in words):
        return "a common word that opens its sentence"
    return "stretched words, codes, addresses on the net and the rest"


def speeds(name: str, texts: Sequence[str]) -> None:
    """Print characters a second of the finder, and of its model alone over every sentence."""
    from tasks.redaction.names.finder import build_name_finder
    from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, load_names_model
    from tasks.redaction.names.segments import pieces

    finder, model = build_name_finder(), load_names_model(DEFAULT_NAMES_MODEL)
    sentences = [text[start:end] for text in texts for start, end in pieces(text)]
    sentences.sort(key=len)
    finder.find(texts[:50])
    characters = sum(map(len, texts))
    alone = characters / processor_time(lambda: model.read(sentences))
    ours = characters / processor_time(lambda: finder.find(texts))
    print(f"{name}: {characters:,} characters, one core")
    print(f"  the finder, lists and context and model: {ours:10,.0f} characters/s")
    print(f"  its model alone over every sentence:     {alone:10,.0f} characters/s (the limit)")
    print(f"  ratio {ours / alone:.2f}")


def processor_time(work: Callable[[], object]) -> float:
    """Return the processor seconds that something takes, other work on the machine aside."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
