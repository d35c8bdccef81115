"""Answers from the model beside this file: one function, no server of yours, no network.

Needs xllamacpp (requirements.txt) and the one GGUF file in this folder. `handle(event)` is what a
serverless platform calls; the model is loaded with the first call and kept. From a terminal:

    python handler.py "What does it cost?"
    python handler.py --measure "What does it cost?"     # seconds and memory, too

Greedy unless `temperature` is given, since so the model was judged. llama.cpp's server listens on
a free port of loopback beside it, which nothing here uses.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

CONTEXT = 2048  # tokens of a conversation and its answer; more takes more memory
MOST_TOKENS = 200
THREADS = 1  # they spin: more of them than there are quiet cores are slower than one
_TAKEN = ("max_tokens", "temperature", "top_p", "seed", "stop")


def handle(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """Answer an event: OpenAI's chat request, as it is or as JSON in `body`.

    The status is 400 where the request cannot be read; no word of it stands in what is said then.
    """
    try:
        body = event.get("body", event)
        asked: Any = json.loads(body) if isinstance(body, str | bytes) else body
        turns = [
            {"role": str(one["role"]), "content": str(one["content"])} for one in asked["messages"]
        ]
        given = {name: asked[name] for name in _TAKEN if name in asked}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _answered(400, {"error": f"not a chat request ({type(error).__name__})"})
    if not turns:
        return _answered(400, {"error": "no messages were given"})
    told = engine().handle_chat_completions({"max_tokens": MOST_TOKENS, **given, "messages": turns})
    if "choices" not in told:
        return _answered(400, {"error": str(told.get("message", "the engine gave no answer"))})
    return _answered(200, told)


def answer(messages: Sequence[Mapping[str, str]], max_tokens: int = MOST_TOKENS) -> str:
    """Return what the model says; ValueError says why it says nothing."""
    told = handle({"messages": list(messages), "max_tokens": max_tokens})
    body = json.loads(told["body"])
    if told["statusCode"] != 200:
        raise ValueError(body["error"])
    return str(body["choices"][0]["message"]["content"])


@cache
def engine() -> Any:
    """Load the model, once."""
    [file] = Path(__file__).resolve().parent.glob("*.gguf")
    xllamacpp: Any = import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    for some in (parameters.cpuparams, parameters.cpuparams_batch):
        setattr(some, "n_threads", THREADS)  # noqa: B010 -- of a class without types
    settings = {
        "model_alias": {file.stem},
        "n_parallel": 1,
        "n_ctx": CONTEXT,
        "cache_ram_mib": 0,
        "use_jinja": True,
        "ui": False,
        "endpoint_slots": False,
        "port": 0,
        "warmup": False,  # it would be part of each cold start
        "verbosity": 0,
    }
    for name, value in settings.items():
        setattr(parameters, name, value)
    setattr(parameters.sampling, "temp", 0.0)  # noqa: B010
    return xllamacpp.Server(parameters)


def _answered(status: int, body: object) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }


def main() -> int:
    """Answer one question from the terminal."""
    words = argparse.ArgumentParser(description="Ask the model beside this file.")
    words.add_argument("question")
    words.add_argument("--max-tokens", type=int, default=MOST_TOKENS)
    words.add_argument("--measure", action="store_true", help="say seconds and memory, too")
    asked = words.parse_args()
    turns = [{"role": "user", "content": asked.question}]
    began = time.perf_counter()
    first = answer(turns, 1 if asked.measure else asked.max_tokens)
    cold = time.perf_counter() - began
    if asked.measure:
        began = time.perf_counter()
        first = answer(turns, asked.max_tokens)
        warm = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stderr.write(
            f"{cold:.2f} s to the first token of a cold call, {warm:.2f} s a warm answer"
        )
        sys.stderr.write(f", {peak:.0f} MiB at most\n")
    sys.stdout.write(f"{first}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
