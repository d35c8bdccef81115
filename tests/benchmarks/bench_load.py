"""`make bench-load BENCH="--guidellm COMMAND"`: does `paddock load` measure what guidellm does?

guidellm (tried: 0.8.1, Apache-2.0) lives in an environment of its own: COMMAND is its program
there. Both replay the same arrivals of Azure's trace, one after the other, at a server with so many
slots whose answers take so long, as it fills up and beyond. Good is a whole answer within the
limit, counted from when a request was due; of guidellm that is its `request_scheduled_latency`
(`request_latency` begins when it was sent), with `schedule_turn=timestamp` (its default waits for
the gap behind the answer before). Needs the shared data beside the checkout. Exit code 1 if a share
differs by more than 5 points.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from tasks.load.sending import replay
from tasks.load.stages import Limits as Promise
from tasks.load.stages import is_good
from tasks.load.trace import Arrival, read_trace, sped_up
from tests.benchmarks.demo_models import bring_base
from tests.benchmarks.limits import Limits
from tests.waiting import free_port, until

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "azure-llm-trace"
TRACE = SHARED / "AzureLLMInferenceTrace_conv.csv"
SLOTS, FIRST, TOKEN = 8, 0.2, 0.01  # at once; seconds before an answer, and a token of it
TOKENS = 0.1  # of the trace's
PROMISE = Promise(latency_ms=1000, first_byte_ms=None, share=0.95)
APART = 5.0  # points
NAME = "timed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay with both at each speed, and hold their shares of good answers side by side."""
    parser = argparse.ArgumentParser(prog="bench_load", description=__doc__)
    parser.add_argument("--guidellm", required=True, help="the program guidellm of its environment")
    parser.add_argument("--speed", default="3,4,5", help="of the trace (%(default)s)")
    parser.add_argument("--seconds", type=float, default=40, help="of each (%(default)s)")
    asked = parser.parse_args(arguments)
    limits, trace = Limits(), read_trace(TRACE)
    with tempfile.TemporaryDirectory(prefix="paddock-load-") as scratch:
        folder = Path(scratch)
        base, port = bring_base(folder), free_port()
        code = f"from tests.benchmarks.bench_load import serve; serve({port})"
        server = subprocess.Popen([sys.executable, "-c", code])
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _answers(url))
            for speed in map(float, asked.speed.split(",")):
                arrivals = sped_up(trace, speed, asked.seconds, TOKENS)
                sent = replay(arrivals, f"{url}/v1", NAME, 120, seed=7)
                ours = [is_good(one, PROMISE) for one in sent]
                theirs = _guidellm(asked.guidellm, url, arrivals, base, folder)
                shares = [100 * sum(good) / len(arrivals) for good in (ours, theirs)]
                told = f"{len(arrivals)} requests, good: ours {shares[0]:.1f} %"
                print(f"speed {speed:g}: {told}, guidellm {shares[1]:.1f} %", flush=True)
                limits.at_most("points apart", abs(shares[0] - shares[1]), APART)
        finally:
            server.kill()
            server.wait()
    return limits.exit_code()


def _guidellm(
    program: str, url: str, arrivals: Sequence[Arrival], tokenizer: Path, folder: Path
) -> list[bool]:
    """Return which of the requests guidellm saw answered whole and in time."""
    trace, report = folder / "trace.jsonl", folder / "guidellm.json"
    lines = [
        {"timestamp": at, "input_length": asked, "output_length": told}
        for at, asked, told in arrivals
    ]
    trace.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    columns = "timestamp_column=timestamp,prompt_tokens_column=input_length"
    data = f"kind=trace_synthetic,source.kind=json_file,source.path={trace},{columns}"
    words = ["run", "--disable-console-interactive"]
    words += ["--backend", f"kind=openai_http,target={url},model={NAME}"]
    words += ["--profile", "kind=replay,schedule_turn=timestamp"]
    words += ["--tokenizer", f"kind=huggingface_auto,model={tokenizer}"]
    words += ["--data", f"{data},output_tokens_column=output_length"]
    words += ["--output", f"kind=json,path={report}"]
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    subprocess.run([program, *words], env=offline, check=True, capture_output=True)
    seen: list[dict[str, Any]] = json.loads(report.read_bytes())["benchmarks"][0]["requests"][
        "successful"
    ]
    assert PROMISE.latency_ms is not None
    return [one["request_scheduled_latency"] * 1000 <= PROMISE.latency_ms for one in seen]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/models").is_success
    except httpx.TransportError:
        return False


def serve(port: int) -> None:
    """Answer as OpenAI's protocol has it, SLOTS at a time, each as long as its tokens say."""
    slots = asyncio.Semaphore(SLOTS)

    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [{"id": NAME, "object": "model"}]})

    async def answer(request: Request) -> StreamingResponse:
        body: dict[str, Any] = await request.json()
        length = int(body.get("max_completion_tokens") or body.get("max_tokens") or 1)

        async def lines() -> AsyncIterator[str]:
            async with slots:
                await asyncio.sleep(FIRST)
                for _ in range(length):
                    yield _line([{"index": 0, "delta": {"content": " word"}}])
                    await asyncio.sleep(TOKEN)
                yield _line([{"index": 0, "delta": {}, "finish_reason": "length"}])
                usage = {"prompt_tokens": 1, "completion_tokens": length, "total_tokens": length}
                yield _line([], usage=usage)
                yield "data: [DONE]\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    paths = [Route("/v1/models", models), Route("/health", models)]
    paths.append(Route("/v1/chat/completions", answer, methods=["POST"]))
    uvicorn.run(Starlette(routes=paths), host="127.0.0.1", port=port, log_level="error")


def _line(choices: list[dict[str, Any]], **more: Any) -> str:
    whole = {"id": "1", "object": "chat.completion.chunk", "model": NAME, "choices": choices}
    return f"data: {json.dumps(whole | more)}\n\n"


if __name__ == "__main__":
    sys.exit(main())
