"""The engines that can serve a model: the words that start one, and what is seen of it over HTTP.

An engine listens on loopback, answers OpenAI's API, says at `/health` whether it takes requests,
and names itself in `/v1/models`. Which forms of a model it loads is its own. Writes nothing.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Literal, Protocol

import httpx

from tasks.serving.specification import FIELDS, Engine


class Adapter(Protocol):
    """What is particular to one kind of engine."""

    @property
    def format(self) -> Literal["safetensors", "gguf"]:
        """Return the form of a model that it loads."""
        ...

    def file(self, export: Path) -> Path:
        """Return what it is given of an export's folder."""
        ...

    def words(self, engine: Engine, model: Path, port: int, name: str) -> list[str]:
        """Return the command that serves a model."""
        ...


class LlamaCpp:
    """llama.cpp's own server, which comes with Paddock."""

    format: Literal["safetensors", "gguf"] = "gguf"

    def file(self, export: Path) -> Path:
        """Return its one file."""
        [file] = export.glob("*.gguf")
        return file

    def words(self, engine: Engine, model: Path, port: int, name: str) -> list[str]:
        """Return the command."""
        settings = {
            "port": port,
            "name": name,
            "slots": engine.slots,
            "context": engine.context,
            "threads": engine.threads,
            "cache-mib": engine.cache_mib,
            "temperature": engine.temperature,
        }
        options = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
        return [sys.executable, "-m", "tasks.serving.llama_cpp", str(model), *options]


class Command:
    """A command of the user's own, vLLM's or another OpenAI-compatible server's."""

    format: Literal["safetensors", "gguf"] = "safetensors"

    def file(self, export: Path) -> Path:
        """Return the folder with the model."""
        return export / "model"

    def words(self, engine: Engine, model: Path, port: int, name: str) -> list[str]:
        """Return the command with its fields filled in."""
        filled = dict(zip(FIELDS, (str(model), str(port), name), strict=True))
        words = shlex.split(engine.command)
        for field, value in filled.items():
            words = [word.replace(field, value) for word in words]
        return words


ADAPTERS: dict[str, Adapter] = {"llama.cpp": LlamaCpp(), "vllm": Command()}


def served_names(port: int, seconds: float = 2.0) -> set[str]:
    """Return the names under which the engine at a port serves; none while it takes no requests."""
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=seconds) as client:
            if client.get("/health").status_code != 200:
                return set()
            entries = client.get("/v1/models").json()["data"]
            return {str(entry["id"]) for entry in entries}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return set()
