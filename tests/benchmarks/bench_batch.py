"""`make bench-batch`: how much of the bare decoder's throughput a whole batch has.

The embedded base answers questions of the eval sets that ship, some tokens each. Bare: the prompts
are rendered already, the decoder answers all of them. Whole: from the file of requests, by way of
checks, shards, redaction with names and the store, to the two files of results. Both have their
models loaded. They take turns; the fastest run of each is compared and held to 95 %, since other
programs on the machine only make one slower. Beside it stands the share of the whole path's time
that it spends in the decoder.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from eval_sets.loading import list_eval_sets, load_eval_set
from tasks.batch.bodies import CHATS, read_batch
from tasks.batch.chats import Chats
from tasks.batch.engine import Size
from tasks.batch.results import Made, write_results
from tasks.batch.shards import Asked, answer_shard, in_shards, read_answers
from tasks.finetuning.base_model import locate, materialize
from tasks.models.hardware import device_and_precision
from tasks.models.prompts import Progress, Prompt
from tasks.models.respondents import Respondent, respondent
from tasks.redaction.engine import build_redactor
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs
from tests.benchmarks.limits import Limits

BASE = "smollm2-135m-instruct"
LEAST = 0.95


class Clocked:
    """A model that notes how long it answers."""

    def __init__(self, asked: Respondent) -> None:
        self._asked, self.seconds = asked, 0.0
        self.tokenizer, self.context, self.made_by = asked.tokenizer, asked.context, asked.made_by

    def answer(self, prompts: Sequence[Prompt], progress: Progress) -> str:
        """Answer as the model does."""
        began = time.perf_counter()
        name = self._asked.answer(prompts, progress)
        self.seconds += time.perf_counter() - began
        return name

    def seconds_alone(self, prompts: Sequence[Prompt]) -> tuple[list[float], str]:
        """Answer one after another."""
        return self._asked.seconds_alone(prompts)


def main() -> int:
    """Measure in turn; return 1 if the whole path is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer, at most")
    parser.add_argument("--shard", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "base").mkdir()
        materialize(locate(BASE, Path, None, folder), folder / "base")
        device, dtype = device_and_precision()
        redactor = build_redactor()
        path = _requests(folder, given.requests, given.tokens, redactor)
        with respondent(folder / "base", device=device, dtype=dtype) as asked:
            clocked = Clocked(asked)
            chats = Chats(folder / "base", lambda: nullcontext(clocked))
            print(f"{given.requests} requests on {device}, {dtype}, shards of {given.shard}")
            with chats:
                speeds = [
                    _pair(chats, clocked, path, folder / f"{n}", redactor, given.shard, n)
                    for n in range(given.pairs)
                ]
    bare, whole = (max(one[way] for one in speeds) for way in ("bare", "whole"))
    limits = Limits()
    limits.at_least("throughput of a batch, of the bare decoder's", whole / bare, LEAST)
    return limits.exit_code()


def _pair(
    chats: Chats, clocked: Clocked, path: Path, folder: Path, redactor: Any, shard: int, turn: int
) -> dict[str, float]:
    """Return the tokens a second of both ways; who begins takes turns."""
    folder.mkdir()
    ways = {
        "bare": lambda: _bare(chats, path),
        "whole": lambda: _whole(chats, path, folder, redactor, shard),
    }
    names = list(ways) if turn % 2 else list(reversed(ways))
    speeds: dict[str, float] = {}
    for name in names:
        before = clocked.seconds
        tokens, seconds = ways[name]()
        speeds[name] = tokens / seconds
        share = (clocked.seconds - before) / seconds
        print(
            f"  {name:6s} {tokens:7,d} tokens, {speeds[name]:7.1f} a second, "
            f"{share:.1%} of the time in the decoder",
            flush=True,
        )
    return speeds


def _bare(chats: Chats, path: Path) -> tuple[int, float]:
    batch = read_batch(path, CHATS, (BASE,), 1)
    prompts = chats.prompts(batch.requests)
    began = time.perf_counter()
    chats.decode(prompts, lambda _: None)
    return sum(len(prompt.answer) for prompt in prompts), time.perf_counter() - began


def _whole(chats: Chats, path: Path, folder: Path, redactor: Any, most: int) -> tuple[int, float]:
    began = time.perf_counter()
    outputs = Outputs(LocalStore(folder / "store"), folder / "work")
    asked = Asked({"model": BASE}, {})
    batch = read_batch(path, CHATS, (BASE,), 1)
    sizes = [size for size in chats.measure(batch.requests) if isinstance(size, Size)]
    made: dict[int, Made] = {}
    for shard in in_shards(batch.requests, sizes, most):
        built = outputs.build(
            shard.work(asked),
            lambda out, shard=shard: answer_shard(chats, shard, redactor, out, lambda _: None),
        )
        answers = read_answers(outputs.fetch(built.reference), len(shard.requests))
        for request, answer in zip(shard.requests, answers, strict=True):
            made[request.line] = Made(answer, built.reference.key, 0)
    done = write_results(batch, made, BASE, folder / "out", folder / "errors")
    seconds = time.perf_counter() - began
    if done.answered < 0.98 * len(batch.requests):  # an answer may be in a language, too
        raise SystemExit(f"{done.answered} of {len(batch.requests)} requests were answered")
    return sum(one.answer.completion_tokens for one in made.values()), seconds


def _requests(folder: Path, count: int, tokens: int, redactor: Any) -> Path:
    every = [case for name in list_eval_sets() for case in load_eval_set(name).cases]
    texts = [[turn.content for turn in case.messages] for case in every]
    seen = zip(every, redactor.redact_records(texts), strict=True)
    cases = [case for case, one in seen if not one.unread]  # what is withheld has no answer
    path = folder / "requests.jsonl"
    step = max(1, len(cases) // count)
    rows = [
        {
            "custom_id": f"request-{number}",
            "method": "POST",
            "url": CHATS,
            "body": {
                "messages": [turn.model_dump() for turn in case.messages],
                "max_tokens": tokens,
            },
        }
        for number, case in enumerate(cases[::step][:count])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


if __name__ == "__main__":
    sys.exit(main())
