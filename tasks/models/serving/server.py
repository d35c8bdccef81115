"""A model server that is started for the time of asking, and is ended for sure.

Needs the command of an OpenAI-compatible server (vLLM's) that takes a folder, a port and a name.
Writes what the server prints to a log that only this user can read, since it may hold prompts; no
error quotes it. The server listens on loopback, under a key that is made for this one start.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from data_contracts.errors import InputError, PaddockError
from tasks.models.prompts import STEP
from tasks.models.serving.guard import GRACE_SECONDS

SETTING, START_SETTING = "PADDOCK_SERVE_COMMAND", "PADDOCK_SERVE_START_SECONDS"
KEY_VARIABLE = "VLLM_API_KEY"
EXAMPLE = (
    "vllm serve {model} --host 127.0.0.1 --port {port} --served-model-name {name}"
    " --generation-config vllm"
)
IN_FLIGHT = 128  # questions at a time; the server batches them as it likes
ANSWER_SECONDS = 1800.0  # in which a question that was sent must be answered
_GUARD = Path(__file__).with_name("guard.py")
_POLL_SECONDS = 0.2
# JSON among the words has braces too, but not around one bare name.
_FIELD = re.compile(r"\{(\w+)\}")
_FIELDS = frozenset({"model", "port", "name"})
_SECRETS = ("--api-key", "--hf-token")
_TOLD = re.compile(r"[\w.+-]{1,40}")


@dataclass(frozen=True)
class Serving:
    """How models are served: a command's words, how long its start may take, its environment.

    `protocol` is how token ids are asked for: in vLLM's way, or in llama.cpp's own. `called` is
    kept with the answers in place of words that lead somewhere on one machine alone.
    """

    words: tuple[str, ...]
    start_seconds: float
    environment: Mapping[str, str] = field(repr=False)
    protocol: Literal["vllm", "llama.cpp"] = "vllm"
    called: tuple[str, ...] = ()

    @classmethod
    def of(cls, command: str, start_seconds: float, environment: Mapping[str, str]) -> Serving:
        """Read a command's template; InputError for one that could not serve a model."""
        try:
            # Before anything is put in, so that no path is read as a shell would.
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise _unusable("its quotes do not match") from error
        found = {name for word in words for name in _FIELD.findall(word)}
        if unknown := sorted(found - _FIELDS):
            raise _unusable(f"nothing is known to put in for {{{unknown[0]}}}")
        if missing := sorted(_FIELDS - found):
            raise _unusable(f"it has no {{{missing[0]}}}")
        if any(word.startswith(_SECRETS) for word in words):
            raise _unusable("it holds a secret, and it is kept with the answers")
        if shutil.which(words[0], path=environment.get("PATH")) is None:
            raise _unusable(f"there is no program {words[0]}")
        return cls(words, start_seconds, environment)

    @property
    def identity(self) -> list[str]:
        """Return the command's words as they are kept with the answers: nothing is put in."""
        return list(self.called or self.words)

    def filled(self, **values: str) -> list[str]:
        """Return the command's words with `model`, `port` and `name` put in."""
        return [_FIELD.sub(lambda found: values[found[1]], word) for word in self.words]


@dataclass(frozen=True)
class Server:
    """A server that is ready: what to ask it through, by which name, and what it is."""

    client: httpx.Client = field(repr=False)
    name: str
    engine: str
    log: Path
    ended: Callable[[], int | None] = field(repr=False)
    protocol: Literal["vllm", "llama.cpp"] = "vllm"

    def failed(self, what: str, remedy: str, question: str = "") -> PaddockError:
        """Return an error that says where the server's own words are."""
        place = f"question {question}, the server's log: " if question else "the server's log: "
        return PaddockError(what, step=STEP, where=f"{place}{self.log}", remedy=remedy)


@contextmanager
def running(
    serving: Serving, folder: Path, name: str, log: Path, waiting: Callable[[], None]
) -> Generator[Server]:
    """Start the command on a model's folder and give the server once it lists the model.

    `name` is what the model is served as, `waiting` is called while the server starts.
    PaddockError if it does not come to serve the model.
    """
    [port], key = free_ports(1), secrets.token_urlsafe(32)
    words = serving.filled(model=str(folder.absolute()), port=str(port), name=name)
    environment = {**serving.environment, KEY_VARIABLE: key}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=10),
        limits=httpx.Limits(max_connections=IN_FLIGHT),
        trust_env=False,  # a proxy must not see what stays on this machine
    ) as client:
        process = _start(words, environment, log)
        try:
            owner = _wait_until_ready(client, serving, name, log, process, waiting)
            yield Server(client, name, _engine(client, owner), log, process.poll, serving.protocol)
        finally:
            _end(process)


def _start(words: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    log.unlink(missing_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", str(_GUARD), *words],
            stdin=subprocess.PIPE,  # never written to: the guard sees it end with this process
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the guard end the server; then end all that is left of its process group."""
    try:
        if process.stdin:
            process.stdin.close()
        process.wait(GRACE_SECONDS + 5)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(
    client: httpx.Client,
    serving: Serving,
    name: str,
    log: Path,
    process: subprocess.Popen[bytes],
    waiting: Callable[[], None],
) -> Any:
    """Return who owns the served model, as the server tells it."""

    def failed(what: str, remedy: str) -> PaddockError:
        return PaddockError(what, step=STEP, where=f"its log: {log}", remedy=remedy)

    program, end = Path(serving.words[0]).name, time.monotonic() + serving.start_seconds
    while True:
        if (code := process.poll()) is not None:
            raise failed(
                f"the model server ({program}) ended with exit code {code} before it was ready",
                f"read its log, and correct {SETTING}",
            )
        status, models = _listed(client)
        if status in (401, 403):
            raise failed(
                f"the model server ({program}) does not take its key from {KEY_VARIABLE}",
                f"take that out of {SETTING} which gives it another key",
            )
        if models:
            if name in models:
                return models[name]
            raise failed(
                f"the model server ({program}) serves another model than it was started for",
                f"let {SETTING} pass {{name}} on, as in --served-model-name {{name}}",
            )
        if time.monotonic() > end:
            raise failed(
                f"the model server ({program}) was not ready in {serving.start_seconds:g} s",
                f"read its log; raise {START_SETTING} if it only needs longer",
            )
        waiting()
        time.sleep(_POLL_SECONDS)


def _listed(client: httpx.Client) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status (0: none) and the models that are served, with their owners."""
    try:
        response = client.get("/v1/models", timeout=5)
        entries = response.json()["data"] if response.status_code == 200 else []
        return response.status_code, {entry["id"]: entry.get("owned_by") for entry in entries}
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return 0, {}


def _engine(client: httpx.Client, owner: Any) -> str:
    """Return what computes the answers, as far as the server tells."""
    try:
        version = client.get("/version", timeout=5).json()["version"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        version = None
    told = [part for part in (owner, version) if isinstance(part, str) and _TOLD.fullmatch(part)]
    return " ".join(["served by", *told]) if told else "served"


def _unusable(what: str) -> InputError:
    return InputError(
        f"the command that serves a model cannot be used: {what}",
        step=STEP,
        where=SETTING,
        remedy=f"write it like `{EXAMPLE}`; without it, answers are computed here",
    )


def free_ports(count: int) -> list[int]:
    """Return so many ports of loopback, all different, that nobody listens at."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
