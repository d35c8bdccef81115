"""A batch answered without Prefect, in this process or one of its own that a test kills.

`python answering.py MODEL REQUESTS HOME SLOW` prints a line a shard; SLOW seconds pass in each, so
that a kill falls into one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tasks.batch.bodies import CHATS, read_batch
from tasks.batch.chats import Chats
from tasks.batch.engine import Size
from tasks.batch.lines import Refusal, Requests
from tasks.batch.results import Made, Written, write_results
from tasks.batch.shards import Asked, answer_shard, in_shards, read_answers
from tasks.models.respondents import respondent
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

SHARD = 4


def chats_of(model: Path) -> Chats:
    """Return a model as a batch asks it."""
    return Chats(model, lambda: respondent(model))


def answer_file(
    chats: Chats,
    requests: Path,
    home: Path,
    redactor: Any = None,
    said: Callable[[str], None] = lambda _: None,
    slow: float = 0.0,
) -> Written:
    """Answer a file into a home: its store, `out.jsonl` and `errors.jsonl`."""
    outputs = Outputs(LocalStore(home / "store"), home / "work")
    read = read_batch(requests, CHATS, ("tiny",), 8)
    measured = chats.measure(read.requests)
    fitting = [
        (request, size)
        for request, size in zip(read.requests, measured, strict=True)
        if isinstance(size, Size)
    ]
    refused = [*read.refused, *(one for one in measured if isinstance(one, Refusal))]
    batch = Requests([request for request, _ in fitting], refused)
    made: dict[int, Made] = {}
    asked = Asked({"model": "tiny"}, {"redaction": redactor is not None})
    for shard in in_shards(batch.requests, [size for _, size in fitting], SHARD):

        def make(out: Path, shard: Any = shard) -> dict[str, int]:
            counts = answer_shard(chats, shard, redactor, out, lambda _: None)
            said("answered")
            time.sleep(slow)
            return counts

        built = outputs.build(shard.work(asked), make)
        said("found" if built.reused else "stored")
        answers = read_answers(outputs.fetch(built.reference), len(shard.requests))
        for place, (request, answer) in enumerate(zip(shard.requests, answers, strict=True)):
            made[request.line] = Made(answer, f"{built.reference.key} {place}", 0)
    return write_results(batch, made, "tiny", home / "out.jsonl", home / "errors.jsonl")


if __name__ == "__main__":
    model, requests, home = (Path(word) for word in sys.argv[1:4])
    with nullcontext(chats_of(model)) as asked_model:
        answer_file(
            asked_model,
            requests,
            home,
            said=lambda word: print(word, flush=True),
            slow=float(sys.argv[4]),
        )
