"""A server of vLLM's completions protocol: `MODEL PORT NAME [FAULT]`, with the standard library.

It answers with transformers' own greedy search, or, where there is a FAULT, with what the fault
says. It needs a key in VLLM_API_KEY as vLLM does, and notes in $NOTES (a folder) what it saw.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODEL, PORT, NAME = sys.argv[1:4]
FAULT = sys.argv[4] if len(sys.argv) > 4 else ""
KEY, NOTES = os.environ["VLLM_API_KEY"], Path(os.environ["NOTES"])
LOCK, SEEN = threading.Lock(), Counter[str]()
SAID, END = [40, 41, 42], 1


def note(name: str, text: str) -> None:
    with (NOTES / name).open("a") as file:
        file.write(text + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/version":
            return self.reply(200, {"version": "1.2.3"})
        if FAULT == "another key" or self.headers["Authorization"] != f"Bearer {KEY}":
            return self.reply(401, {"error": "Unauthorized"})
        name = "another" if FAULT == "another name" else NAME
        return self.reply(200, {"data": [{"id": name, "owned_by": "tests"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print("asked", body, flush=True)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return self.reply(401, {"error": "Unauthorized"})
        with LOCK:
            question = str(body["prompt"])
            SEEN[question] += 1
            note("questions", question)
            return self.reply(*answer(body, SEEN[question], len(SEEN)))

    def reply(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        if status == 307:
            self.send_header("Location", f"http://127.0.0.1:{PORT}/v1/elsewhere")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def answer(body: dict[str, Any], times: int, questions: int) -> tuple[int, Any]:
    greedy = body["temperature"] == 0 and body["top_p"] == body["repetition_penalty"] == 1
    assert greedy and body["return_token_ids"] and END in body["stop_token_ids"]
    if FAULT == "busy" and times <= 2:
        return 503, {}
    if FAULT == "refuses":
        return 400, {"error": f"what is {body['prompt']}?"}
    if FAULT == "redirects":
        return 307, {}
    if FAULT == "half" and questions > 3:
        os._exit(7)
    if FAULT == "another form":
        return 200, {"id": 3, "prompt": body["prompt"]}
    canned = [*SAID, END][: body["max_tokens"]]
    ids, likely = (canned, None) if FAULT else generate(body)
    reason = "stop" if ids[-1] in body["stop_token_ids"] else "length"
    if FAULT == "short":
        ids, reason = SAID[:1], "length"
    choice: dict[str, Any] = {"finish_reason": reason, "text": "…"} | (
        {} if FAULT == "text" else {"token_ids": ids}
    )
    if likely is not None and body["logprobs"] is not None:
        choice["logprobs"] = {"token_logprobs": likely}
    return 200, {"model": "another" if FAULT == "liar" else NAME, "choices": [choice]}


def generate(body: dict[str, Any]) -> tuple[list[int], list[float]]:
    import torch

    ids = torch.tensor([body["prompt"]])
    out = LOADED.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=body["max_tokens"],
        do_sample=False,
        eos_token_id=body["stop_token_ids"],
        pad_token_id=END,
        output_logits=True,
        return_dict_in_generate=True,
    )
    said = out.sequences[0, ids.shape[1] :].tolist()
    logits = [one[0].log_softmax(-1) for one in out.logits]
    return said, [float(one[token]) for one, token in zip(logits, said, strict=True)]


note("starts", f"{os.getpid()}")
note("key", KEY)
print("environment", sorted(os.environ), flush=True)
if FAULT == "dies":
    sys.exit(3)
if FAULT == "stubborn":
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
    note("starts", str(subprocess.Popen([sys.executable, "-c", ignoring]).pid))
if FAULT == "never":
    time.sleep(300)
if not FAULT:
    from transformers import AutoModelForCausalLM

    LOADED: Any = AutoModelForCausalLM.from_pretrained(MODEL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever()
