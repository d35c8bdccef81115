"""A home with a bad hour: version 1 of a tiny Llama answered in it, version 2 serves since."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data_contracts.inference_log import LogRow, log_bytes, window_key
from flows.serving.champion import ready_to_serve
from flows.serving.places import Places, put
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.signing import SigningKeys, ensure_keys
from tasks.incidents.bundle import Asked
from tasks.serving.specification import Specification
from tests.flows.serving.conftest import NAME, Desk
from tests.llama_cpp import LlamaCpp
from tests.registry_fixtures import registry_fixtures
from tests.tasks.exporting.llamas import KINDS, save_llama

_registry = registry_fixtures("registry_fixtures_of_incidents")
empty_database, register = _registry.empty_database, _registry.register
make_scorecard, publish = _registry.make_scorecard, _registry.publish
approved = _registry.approved
MAIL = "larkspur.ferris@example.org"
PLAIN = ("What does the tent cost?", "Is it <script>light</script>?", "How do I return it?")
SPECIFICATION = Specification.model_validate(
    {"name": NAME, "engine": {"context": 256}, "slo": {"owner": MAIL}}
)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    """The keys of every home of these tests."""
    return ensure_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def make_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function: a trained folder of a mark; all but `a` have weights of their own."""
    plain = save_llama(KINDS["smollm"], tmp_path_factory.mktemp("llama") / "model")

    def make(mark: str) -> Path:
        files = tmp_path_factory.mktemp(f"files-{mark}", numbered=True)
        shutil.copytree(plain, files / "model")
        if mark != "a":
            _shake(files / "model", seed=ord(mark))
        (files / "MODEL_CARD.md").write_text(f"# A tiny model, {mark}\n")
        (files / "references.json").write_text('{"dataset": "x"}')
        return files

    return make


def _shake(folder: Path, seed: int) -> None:
    import torch
    from transformers import LlamaForCausalLM

    model: Any = LlamaForCausalLM.from_pretrained(folder)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.03)
    model.save_pretrained(folder)


class Bad(NamedTuple):
    """The hour: `digest` is of the version that answered, `rows` all that was logged in it."""

    desk: Desk
    since: datetime
    until: datetime
    digest: str
    rows: list[LogRow]

    def workshop(self, home: Path | None = None) -> Workshop:
        """Return what works in its home, or in a copy of that."""
        return Workshop(Settings(home=home or self.desk.home))

    def asked(self, **other: Any) -> Asked:
        """Return what its bundle is asked for."""
        given = {"name": NAME, "since": self.since, "until": self.until, "tenant": ""}
        return Asked.model_validate(given | {"most": 100, "names": False} | other)


@pytest.fixture(scope="package")
def bad_hour(
    empty_database: Path,
    approved: Callable[..., Any],
    keys: SigningKeys,
    planted: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bad]:
    """Let version 1 answer, on llama.cpp, log it raw, and let version 2 serve after it."""
    home = tmp_path_factory.mktemp("incident") / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(keys.public.parent, home / "keys")
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    desk = Desk(home, empty_database, approved)
    assert desk.release("a") == 1
    workshop = Workshop(Settings(home=home))
    release = ready_to_serve(workshop, SPECIFICATION, home / "exported", print)
    engine = LlamaCpp(release.model)
    rows = [
        _row(release.digest, since, number, text, _said(engine, text))
        for number, text in enumerate([*PLAIN, f"Write to {MAIL} about it"])
    ]
    rows += _others(release.digest, since, planted)
    for row in rows:
        assert row.time < datetime.now(UTC)
    _log(workshop, rows)
    places = Places(home, NAME)
    places.folder.mkdir(parents=True)
    put(places.specification, SPECIFICATION.model_dump(mode="json"))
    until = datetime.now(UTC)
    assert desk.release("b") == 2
    yield Bad(desk, since, until, release.digest, [one for one in rows if one.time >= since])


def _said(engine: LlamaCpp, text: str) -> str:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 12, "temperature": 0}
    told = engine._ask("/v1/chat/completions", body)  # pyright: ignore[reportPrivateUsage]
    return told["choices"][0]["message"]["content"]


def _row(weights: str, since: datetime, at: int, prompt: str, answer: str, **more: Any) -> LogRow:
    given = {"id": f"q-{at}", "time": since + timedelta(seconds=at), "model": f"{NAME}/1"}
    given |= {"prompt": prompt, "answer": answer, "weights": weights, "tenant": "acme"}
    given |= {"seconds": 0.5 + abs(at) / 100, "finish_reason": "length", "answer_tokens": 12}
    return LogRow.model_validate(given | more)


def _others(weights: str, since: datetime, planted: dict[str, str]) -> list[LogRow]:
    """Return rows of all that goes wrong, with personal values wherever somebody writes."""
    bad = {"good": 0.0, "comment": f"call {planted['phone']}", "corrected": planted["name"]}
    talk = [
        {"role": "user", "content": f"I am {planted['name']}, {planted['email']}"},
        {"role": "assistant", "content": f"Hello, {planted['name']}."},
        {"role": "user", "content": f"My card is {planted['card']}"},
    ]
    return [
        _row(weights, since, 10, "Nothing?", "", finish_reason="error"),
        _row(weights, since, 11, "From pages?", "So it is.", index="i-3", hits=["page of Ann"]),
        _row(weights, since, 12, "A long one", "Yes.", truncated=True, tenant="birch"),
        _row(weights, since, 13, "Slow", "Well.", seconds=9.0, finish_reason="stop"),
        _row(
            weights,
            since,
            14,
            talk[-1]["content"],
            f"Noted {planted['iban']}.",
            id=planted["subject"],
            version=planted["broken_row"],
            messages=talk,
            feedback=bad,
        ),
        # Of before the window.
        _row(weights, since, -60, "Before?", "Fine.", finish_reason="stop"),
    ]


def _log(workshop: Workshop, rows: list[LogRow]) -> None:
    hours: dict[str, list[LogRow]] = {}
    for row in rows:
        hours.setdefault(f"{row.time:%Y-%m-%dT%H}", []).append(row)
    for hour, found in hours.items():
        workshop.store.write(window_key(NAME, hour), log_bytes(found))
