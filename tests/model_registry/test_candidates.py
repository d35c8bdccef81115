from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from data_contracts.digests import folder_digest
from data_contracts.errors import InputError, IntegrityError, PaddockError
from model_registry.addresses import probe
from model_registry.candidates import (
    Candidate,
    list_candidates,
    register_candidate,
    verify_files,
)
from model_registry.model_files import tokenizer_digest
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from model_registry.versions import find_version, version_at
from tests.waiting import free_port

Register = Callable[..., Candidate]


def test_the_same_digest_is_the_same_version(registry: Registry, register: Register) -> None:
    first = register(registry, "a")
    assert register(registry, "a") == first
    second = register(registry, "b")
    assert [entry.version for entry in list_candidates(registry, "desk")] == [2, 1]
    assert (first.version, second.version) == (1, 2)
    assert first.references == {"model": "model-a", "dataset": "d" * 64}


def test_a_tokenizer_is_looked_at_once_for_the_same_files(
    registry: Registry, make_files: Callable[[str], Path], keys: SigningKeys
) -> None:
    files, looked = make_files("a"), list[int]()

    def trained() -> str:
        looked.append(1)
        return tokenizer_digest(files / "model")

    found = [
        register_candidate(
            registry,
            "desk",
            files,
            digest=folder_digest(files),
            trained_tokenizer=trained,
            description="",
            references={"model": "m"},
            keys=keys,
        )
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0].tokenizer_digest == tokenizer_digest(files / "model")
    assert looked == [1]


def test_a_response_that_was_lost_makes_no_second_candidate(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = registry.client.create_model_version

    def lose(*arguments: object, **options: object) -> None:
        create(*arguments, **options)
        raise ConnectionError("the response was lost")

    monkeypatch.setattr(registry.client, "create_model_version", lose)
    assert register(registry, "a").version == 1  # it looks before it asks again
    monkeypatch.undo()
    assert register(registry, "a").version == 1
    assert len(list_candidates(registry, "desk")) == 1


def test_of_two_versions_with_one_digest_the_first_counts(
    registry: Registry, register: Register
) -> None:
    first = register(registry, "a")
    registry.client.create_model_version(
        first.name, first.uri, first.run, tags=first.tags, await_creation_for=0
    )
    assert register(registry, "a").version == first.version


def test_an_upload_that_died_is_taken_up_again(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # The signature is one file, and comes after the folder of files.
    monkeypatch.setattr(LocalArtifactRepository, "log_artifact", die)
    with pytest.raises(KeyboardInterrupt):
        register(registry, "a")
    monkeypatch.undo()
    candidate = register(registry, "a")
    assert registry.find_runs("desk-candidates", {"paddock.digest": candidate.digest}) == [
        candidate.run
    ]


def test_files_and_signature_come_back_whole(
    registry: Registry, register: Register, keys: SigningKeys
) -> None:
    candidate = register(registry, "a")
    with registry.downloaded(candidate.uri) as files:
        verify_files(registry, candidate.run, files, keys)
        assert folder_digest(files) == candidate.files_digest
        (files / "model" / "config.json").write_text("{}")
        with pytest.raises(IntegrityError):
            verify_files(registry, candidate.run, files, keys)
    assert not files.exists()


def test_another_tokenizer_is_refused(
    registry: Registry, make_files: Callable[[str], Path], keys: SigningKeys
) -> None:
    files = make_files("a")
    trained = tokenizer_digest(files / "model")
    template = files / "model" / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    with pytest.raises(IntegrityError, match="not the one that trained"):
        register_candidate(
            registry,
            "desk",
            files,
            digest=folder_digest(files),
            trained_tokenizer=lambda: trained,
            description="",
            references={"model": "m"},
            keys=keys,
        )
    assert list_candidates(registry, "desk") == []


def test_one_digest_with_other_files_is_refused(
    registry: Registry, make_files: Callable[[str], Path], keys: SigningKeys
) -> None:
    for mark in ("a", "b"):
        files = make_files(mark)

        def attempt(files: Path = files) -> Candidate:
            return register_candidate(
                registry,
                "desk",
                files,
                digest="one",
                trained_tokenizer=lambda: tokenizer_digest(files / "model"),
                description="",
                references={},
                keys=keys,
            )

        if mark == "a":
            attempt()
        else:
            with pytest.raises(IntegrityError, match="with other files"):
                attempt()


def test_pickles_and_missing_cards_are_refused(
    registry: Registry, make_files: Callable[[str], Path], keys: SigningKeys
) -> None:
    for mark in ("pickle", "card"):
        files = make_files(mark)
        if mark == "pickle":
            (files / "model" / "pytorch_model.bin").write_bytes(b"x")
        else:
            (files / "MODEL_CARD.md").unlink()
        with pytest.raises(InputError):
            register_candidate(
                registry,
                "desk",
                files,
                digest=mark,
                trained_tokenizer=lambda: "t",
                description="",
                references={},
                keys=keys,
            )


def test_absent_models_versions_and_aliases_are_none(registry: Registry) -> None:
    assert find_version(registry, "nobody", "d") is None
    assert version_at(registry, "nobody", "champion") is None
    assert list_candidates(registry, "nobody") == []


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(PaddockError, match="no MLflow server answers") as caught:
        open_registry("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="neither a database nor a server"):
        open_registry("mlruns")


def test_figures_arrive_with_their_steps(registry: Registry) -> None:
    run = registry.start_run("desk", "training", {"stage": "finetune"})
    registry.log_parameters(run, {f"p{n}": n for n in range(130)} | {"long": "x" * 9000})
    for step in (1, 2):
        registry.log_metrics(run, {"loss": 2.0 / step, "bad": float("nan")}, step)
    registry.finish_run(run)
    history = registry.client.get_metric_history(run, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert len(registry.client.get_run(run).data.params) == 131
    assert registry.run_status(run) == "FINISHED"


def test_a_worker_s_run_waits_for_a_server_that_is_started_again() -> None:
    """Within its patience; who opens it without is told at once."""
    port = free_port()

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    def start() -> None:
        time.sleep(2)
        with HTTPServer(("127.0.0.1", port), Health) as server:
            server.handle_request()

    threading.Thread(target=start, daemon=True).start()
    with pytest.raises(PaddockError, match="no MLflow server answers"):
        probe(f"http://127.0.0.1:{port}")
    probe(f"http://127.0.0.1:{port}", patience=20)
