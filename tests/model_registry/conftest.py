"""A real registry (a database, and a server over one) and a real, tiny candidate."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from model_registry.accounts.authors import seal
from model_registry.approvals import record_decision, request_approval
from model_registry.candidates import Candidate, register_candidate
from model_registry.dossier import Dossier, publish_dossier
from model_registry.dossier_page import dossier_html
from model_registry.gates import judge
from model_registry.model_files import tokenizer_digest
from model_registry.policy import Gate, Policy
from model_registry.promotion import promote
from model_registry.scorecard import SHARE, Estimate, MetricResult, Role, Scorecard
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.tracking import Registry, open_registry
from tests.model_registry.guarded import Guarded, start_guarded
from tests.waiting import free_port, wait_for

POLICY = Policy(
    name="test",
    gates=(Gate(id="knows", metric="desk_facts/accuracy", rule="min", value=0.5),),
    digest="p" * 64,
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that MLflow has migrated, to copy: migrating takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    open_registry(f"sqlite:///{path}").experiment("warm")
    return path


@pytest.fixture
def registry(empty_database: Path, tmp_path: Path) -> Registry:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return open_registry(f"sqlite:///{tmp_path}/mlflow.db", f"file://{tmp_path}/artifacts")


@pytest.fixture(scope="session")
def start_server(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Callable[..., str]]:
    """Start real MLflow servers on loopback; each ends with the session."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, home: Path | None = None, **settings: str) -> str:
        home = home or tmp_path_factory.mktemp("server")
        shutil.copyfile(empty_database, home / "mlflow.db")
        address = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments]
        command += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db"]
        command += ["--artifacts-destination", f"file://{home}/artifacts"]
        command += ["--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
        with (home / "server.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=home,
                    env={**os.environ, **quiet, **settings},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        wait_for(f"{address}/health", started[-1], home / "server.log")
        return address

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="session")
def guarded(start_server: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    """A server with logins and the accounts of a team."""
    pytest.importorskip("flask_wtf", reason="MLflow's logins need Flask-WTF")
    return start_guarded(start_server, tmp_path_factory.mktemp("accounts"))


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server without logins keeps its database and artifacts."""
    return tmp_path_factory.mktemp("server-home")


@pytest.fixture(scope="session")
def server(start_server: Callable[..., str], server_home: Path) -> str:
    return start_server(home=server_home)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    return ensure_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as training leaves it: a tiny LLaMA, its tokenizer, a card and references."""
    folder = tmp_path_factory.mktemp("trained")
    _save_tiny_model(folder / "model")
    (folder / "MODEL_CARD.md").write_text("# A tiny model\n")
    (folder / "references.json").write_text(json.dumps({"dataset": "d" * 64}))
    return folder


@pytest.fixture(scope="session")
def make_files(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Copy the trained folder; each mark gives other bytes, so another candidate."""

    def make(mark: str) -> Path:
        files = tmp_path_factory.mktemp(f"files-{mark}", numbered=True)
        shutil.copytree(trained, files, dirs_exist_ok=True)
        (files / "MODEL_CARD.md").write_text(f"# A tiny model, {mark}\n")
        return files

    return make


@pytest.fixture(scope="session")
def register(make_files: Callable[[str], Path], keys: SigningKeys) -> Callable[..., Candidate]:
    """Register the candidate of a mark; its trained model has the digest `model-<mark>`."""

    def registered(registry: Registry, mark: str, name: str = "desk") -> Candidate:
        files = make_files(mark)
        digest = folder_digest(files)
        seal(registry, name, digest)
        return register_candidate(
            registry,
            name,
            files,
            digest=digest,
            trained_tokenizer=lambda: tokenizer_digest(files / "model"),
            description="A tiny candidate.",
            references={"model": f"model-{mark}", "dataset": "d" * 64},
            keys=keys,
        )

    return registered


@pytest.fixture(scope="session")
def make_scorecard() -> Callable[..., Scorecard]:
    def make(candidate: str, champion: str | None = None, accuracy: float = 0.8) -> Scorecard:
        models: dict[Role, str] = {"base": "model-base", "candidate": candidate}
        if champion:
            models["champion"] = champion
        estimate = Estimate(value=accuracy, low=accuracy - 0.1, high=accuracy + 0.1, n=100)
        base = Estimate(value=0.1, low=0.05, high=0.15, n=100)
        gain = Estimate(value=accuracy - 0.1, low=accuracy - 0.2, high=accuracy, n=100)
        metric = MetricResult(
            key="desk_facts/accuracy",
            unit=SHARE,
            higher_is_better=True,
            scores={"base": base, "candidate": estimate},
            differences={"candidate-base": gain},
        )
        return Scorecard(
            models=models, eval_sets={}, metrics={metric.key: metric}, seed=1, resamples=100
        )

    return make


@pytest.fixture(scope="session")
def publish(make_scorecard: Callable[..., Scorecard], keys: SigningKeys) -> Callable[..., Dossier]:
    """Judge a candidate by a one-gate policy and publish its dossier."""

    def published(
        registry: Registry,
        candidate: Candidate,
        champion: str | None = None,
        accuracy: float = 0.8,
        **more: Any,
    ) -> Dossier:
        scorecard = make_scorecard(candidate.references["model"], champion, accuracy)
        verdict = judge(POLICY, scorecard)
        return publish_dossier(
            registry,
            candidate,
            scorecard,
            "s" * 64,
            verdict,
            keys,
            code_revision="r1",
            page=lambda dossier: dossier_html(dossier, scorecard),
            **more,
        )

    return published


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[str], Path]:
    """Tell where the files of `registry` at an address lie."""
    return lambda uri: tmp_path / "artifacts" / uri.removeprefix("mlflow-artifacts:/")


@pytest.fixture(scope="session")
def approved(
    register: Callable[..., Candidate], publish: Callable[..., Dossier]
) -> Callable[..., Candidate]:
    """Register, judge and approve a candidate; `champion` is what it is compared with."""

    def approve(
        registry: Registry,
        mark: str,
        champion: str | None = None,
        name: str = "desk",
        **more: Any,
    ) -> Candidate:
        candidate = register(registry, mark, name)
        dossier = publish(registry, candidate, champion, **more)
        request_approval(registry, name, dossier)
        record_decision(registry, name, dossier, approve=True, person="ada")
        return candidate

    return approve


@pytest.fixture(scope="session")
def released(
    empty_database: Path,
    approved: Callable[..., Candidate],
    keys: SigningKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A home in which candidate `a` served, `b` serves after it, and `c` was approved since."""
    home = tmp_path_factory.mktemp("released")
    shutil.copyfile(empty_database, home / "mlflow.db")
    registry = open_home(home)
    promote(registry, "desk", approved(registry, "a").version, keys)
    promote(registry, "desk", approved(registry, "b", champion="model-a").version, keys)
    approved(registry, "c", champion="model-b")
    return home


@pytest.fixture
def serving(released: Path, tmp_path: Path) -> Registry:
    """The registry of a copy of that home, to do things to."""
    home = tmp_path / "home"
    shutil.copytree(released, home)
    return open_home(home)


def open_home(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


def _save_tiny_model(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "a", "b"])}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
