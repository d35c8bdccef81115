"""A batch in shards: so many requests answered at once, each shard an output of its own.

A shard is found again by the digests of what it asks and of the model, so a batch that was killed
goes on behind its last whole shard, and a file that has grown at its end is answered from there.
Writes answers.jsonl, redacted, and how long it took into `about/`. Whose an answer is (custom_id)
is not kept there: it may be a person's address, and belongs in the caller's own files.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_contracts.digests import canonical_json
from data_contracts.errors import IntegrityError, shielded
from tasks.batch.engine import Answer, Engine, Size
from tasks.batch.lines import STEP, Request
from tasks.inference_log.redacting import Redactor
from tasks.storage.outputs import ABOUT, Outputs
from tasks.storage.stages import BATCH, Work

ANSWERS, SPEED = "answers.jsonl", "speed.json"


@dataclass(frozen=True)
class Asked:
    """Who answers, for a fingerprint: `inputs` are digests, `parameters` what else decides."""

    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Shard:
    """Some requests that are answered together, and the tokens of each."""

    requests: Sequence[Request]
    sizes: Sequence[Size]

    @property
    def most_tokens(self) -> int:
        """Return the most that it can cost."""
        return sum(size.total for size in self.sizes)

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of what is asked, in its order."""
        asked = [request.asks() for request in self.requests]
        return hashlib.sha256(canonical_json(asked)).hexdigest()

    def work(self, asked: Asked) -> Work:
        """Return the work of answering it."""
        return BATCH.of({**asked.inputs, "requests": self.digest}, asked.parameters)


def in_shards(requests: Sequence[Request], sizes: Sequence[Size], most: int) -> Iterator[Shard]:
    """Yield shards of at most so many requests, in order."""
    for start in range(0, len(requests), most):
        yield Shard(requests[start : start + most], sizes[start : start + most])


def answer_shard(
    engine: Engine,
    shard: Shard,
    redactor: Redactor | None,
    out: Path,
    tell: Callable[[int], None],
) -> dict[str, int]:
    """Answer a shard, write the answers, and return the counts that a manifest keeps."""
    began = time.perf_counter()
    with shielded(STEP):
        answers = engine.answer(shard.requests, redactor, tell)
    rows = [answer.model_dump(mode="json", exclude_defaults=True) for answer in answers]
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    (out / ANSWERS).write_text(text, encoding="utf-8")
    counts = {
        "requests": len(answers),
        "refused": sum(answer.refused is not None for answer in answers),
        "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
        "completion_tokens": sum(answer.completion_tokens for answer in answers),
    }
    (out / ABOUT).mkdir(exist_ok=True)
    speed = {**counts, "seconds": time.perf_counter() - began}
    (out / ABOUT / SPEED).write_text(json.dumps(speed), encoding="utf-8")
    return counts


def read_answers(folder: Path, expected: int) -> list[Answer]:
    """Return a shard's answers; IntegrityError if there are not as many as requests."""
    with (folder / ANSWERS).open(encoding="utf-8") as file:  # splitlines() would cut at U+2028
        lines = list(file)
    if len(lines) != expected:
        raise IntegrityError(
            f"a shard has {len(lines):,} answers to {expected:,} requests",
            step=STEP,
            where=str(folder),
            remedy="delete this output and run again",
        )
    return [Answer.model_validate_json(line) for line in lines]


def tokens_a_second(outputs: Outputs, asked: Asked) -> float | None:
    """Return how many tokens a second the newest shard of this model was answered with here."""
    newest, found = "", None
    for reference, manifest in outputs.every(BATCH):
        same = {**manifest.inputs, "requests": ""} == {**asked.inputs, "requests": ""}
        if same and manifest.created_at > newest and manifest.counts["completion_tokens"]:
            told = outputs.fetch(reference, f"{ABOUT}/{SPEED}") / ABOUT / SPEED
            newest = manifest.created_at
            found = manifest.counts["completion_tokens"] / json.loads(told.read_bytes())["seconds"]
    return found
