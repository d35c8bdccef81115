"""llama.cpp's own server over a GGUF file (xllamacpp), asked over HTTP; one thread, one slot."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest


class LlamaCpp:
    """A model that is served until the object is gone."""

    def __init__(self, file: Path, context: int = 256) -> None:
        library: Any = pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
        settings = library.CommonParams()
        settings.model.path = str(file)
        settings.n_ctx, settings.n_parallel, settings.port = context, 1, 0
        settings.cache_ram_mib, settings.verbosity, settings.warmup = 0, 0, False
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
        settings.use_jinja = True
        self._server = library.Server(settings)

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """Return a text's ids; with `special` as it begins a prompt."""
        body = {"content": text, "add_special": special, "parse_special": True}
        return self._ask("/tokenize", body)["tokens"]

    def answer(self, prompt: Sequence[int], count: int) -> list[int]:
        """Return what it says next, always the likeliest token."""
        body = {"prompt": list(prompt), "n_predict": count, "temperature": 0, "return_tokens": True}
        return self._ask("/completion", {**body, "cache_prompt": False})["tokens"]

    def next_tokens(self, prompt: Sequence[int], count: int = 10) -> dict[int, float]:
        """Return the likeliest next tokens with the natural log of how likely each is.

        None are told where the likeliest is an end, or a byte of a letter of several.
        """
        body = {"prompt": list(prompt), "n_predict": 1, "temperature": 0, "n_probs": count}
        said = self._ask("/completion", {**body, "cache_prompt": False})
        told = said.get("completion_probabilities", [])
        return {one["id"]: one["logprob"] for first in told for one in first["top_logprobs"]}

    def chat_length(self, messages: Sequence[Mapping[str, str]]) -> int:
        """Return of how many tokens the prompt of a conversation is made."""
        body = {"messages": list(messages), "max_tokens": 1, "temperature": 0}
        return self._ask("/v1/chat/completions", body)["usage"]["prompt_tokens"]

    def chat_text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the text of a conversation, before BOS is put to it."""
        return self._ask("/apply-template", {"messages": list(messages)})["prompt"]

    def _ask(self, place: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self._server.listening_address}{place}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read())
