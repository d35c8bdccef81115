"""A released tiny model, exported in each format, by the command that people type."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import ContractError, InputError, IntegrityError
from model_registry.promotion import promote
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from tasks.exporting import formats
from tasks.exporting.folders import Exported, export
from tests.llama_cpp import LlamaCpp
from tests.tasks.exporting.llamas import KINDS, save_llama


def _registry_fixtures() -> Any:
    place = Path(__file__).parents[2] / "model_registry" / "conftest.py"
    spec = importlib.util.spec_from_file_location("registry_fixtures_of_exports", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_registry = _registry_fixtures()
empty_database, keys, make_files = (
    _registry.empty_database,
    _registry.keys,
    _registry.make_files,
)
register, make_scorecard = _registry.register, _registry.make_scorecard
publish, approved = _registry.publish, _registry.approved


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as training leaves it, with a tiny Llama whose template has a default system."""
    folder = tmp_path_factory.mktemp("trained-llama")
    save_llama(KINDS["smollm"], folder / "model")
    (folder / "MODEL_CARD.md").write_text("# A tiny model\n")
    (folder / "references.json").write_text('{"dataset": "x"}')
    return folder


@pytest.fixture(scope="module")
def registry(
    empty_database: Path,
    approved: Callable[..., Any],
    keys: SigningKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Registry:
    """A registry in which `a` served, and `b` serves."""
    home = tmp_path_factory.mktemp("exports")
    shutil.copyfile(empty_database, home / "mlflow.db")
    made = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    promote(made, "desk", approved(made, "a").version, keys)
    promote(made, "desk", approved(made, "b", champion="model-a").version, keys)
    return made


@pytest.fixture
def exported(registry: Registry, keys: SigningKeys) -> Callable[..., Exported]:
    def run(folder: Path, form: formats.Format, address: str = "desk@champion") -> Exported:
        return export(registry, address, folder, keys, form, "q8_0")

    return run


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_as_it_was_released_with_a_line_that_runs_it(
    exported: Callable[..., Exported], registry: Registry, tmp_path: Path
) -> None:
    done = exported(tmp_path / "out", "safetensors", "desk@previous")
    assert _names(tmp_path / "out") == {
        "model",
        "MODEL_CARD.md",
        "references.json",
        "README.md",
        "export.json",
    }
    row = registry.ledger.rows("desk")[0]
    assert (done.export.version, done.export.digest, done.again) == (1, row.digest, False)
    assert done.export.run in (tmp_path / "out/README.md").read_text()
    words = shlex.split(done.export.run)
    assert words[0] == "python"
    ran = subprocess.run(
        [sys.executable, *words[1:]], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    for name in ("README.md", "export.json"):
        (tmp_path / "out" / name).unlink()
    assert row.serves and folder_digest(tmp_path / "out") == row.serves.files_digest


def test_one_file_for_llama_cpp(exported: Callable[..., Exported], tmp_path: Path) -> None:
    done = exported(tmp_path / "out", "gguf")
    assert _names(tmp_path / "out") >= {"desk-q8_0.gguf", "MODEL_CARD.md", "README.md"}
    assert "model" not in _names(tmp_path / "out")
    assert done.export.run == (
        f"llama-server --jinja --model {tmp_path}/out/desk-q8_0.gguf --port 8080"
    )
    turns = [{"role": "user", "content": "What does the tent cost?"}]
    served = LlamaCpp(tmp_path / "out/desk-q8_0.gguf")
    assert served.chat_text(turns).startswith("<|im_start|>system\nYou are Larkspur<|im_end|>\n")


def test_one_function_that_answers_from_one_file(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    done = exported(tmp_path / "out", "edge")
    names = {"desk-q8_0.gguf", "handler.py", "requirements.txt", "README.md", "MODEL_CARD.md"}
    assert _names(tmp_path / "out") >= names
    assert re.fullmatch(r"xllamacpp==[\d.]+\n", (tmp_path / "out/requirements.txt").read_text())
    bare = {"PATH": os.environ["PATH"]}
    words = [sys.executable, "-I", *shlex.split(done.export.run)[1:], "--max-tokens", "3"]
    ran = subprocess.run(
        [*words, "--measure"], env=bare, cwd="/", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"s to the first token of a cold call, .* MiB at most", ran.stderr)


def test_the_function_takes_events_and_says_what_it_cannot_read(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    exported(tmp_path / "out", "edge")
    asked = """
import json, sys
sys.path.insert(0, sys.argv[1])
import handler
chat = {"messages": [{"role": "user", "content": "What does the tent cost?"}], "max_tokens": 2}
events = [chat, {"body": json.dumps(chat)}, {"body": "secret words"}]
events += [{"messages": []}, {"messages": [3]}, {}]
print(json.dumps([handler.handle(event) for event in events]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path / "out")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout.splitlines()[-1])
    assert [one["statusCode"] for one in answers] == [200, 200, 400, 400, 400, 400]
    first, again = (json.loads(one["body"]) for one in answers[:2])
    assert first["model"] == "desk-q8_0"
    assert first["choices"][0]["message"] == again["choices"][0]["message"]
    assert "secret" not in ran.stdout + ran.stderr


def test_the_same_again_changes_nothing_and_anything_else_is_left_alone(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    first = exported(out, "ollama")
    assert first.export.run.startswith(f"ollama create desk -f {out}/Modelfile && ollama run desk")
    assert "FROM ./desk-q8_0.gguf" in (out / "Modelfile").read_text()
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = exported(out, "ollama")
    assert (again.again, again.export) == (True, first.export)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    with pytest.raises(InputError, match="another export: desk version 2, ollama"):
        exported(out, "gguf")
    with pytest.raises(InputError, match="another export: desk version 2, ollama"):
        exported(out, "ollama", "desk/1")
    (out / "MODEL_CARD.md").write_text("changed")
    with pytest.raises(InputError, match="its files were changed"):
        exported(out, "ollama")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("mine")
    with pytest.raises(InputError, match="there is something else at that place"):
        exported(tmp_path / "other", "gguf")
    assert _names(tmp_path) == {"out", "other"}


@pytest.mark.parametrize("step", ["write_gguf", "plan_gguf", "modelfile"])
def test_one_that_died_leaves_nothing_that_counts(
    exported: Callable[..., Exported],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    step: str,
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(formats, step, die)
    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path / "out", "ollama")
    assert _names(tmp_path) == set()
    monkeypatch.undo()
    assert not exported(tmp_path / "out", "ollama").again


def test_only_what_was_released_and_verified_goes_out(
    exported: Callable[..., Exported], registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(ContractError, match="no release made it one that serves"):
        exported(tmp_path / "out", "gguf", "desk/9")
    (version,) = [v for v in (registry.client.get_model_version("desk", "1"),)]
    folder = registry.folder_at(version.source)
    assert folder
    card = folder / "MODEL_CARD.md"
    kept = card.read_bytes()
    card.write_text("changed")
    with pytest.raises(IntegrityError):
        exported(tmp_path / "out", "gguf", "desk/1")
    card.write_bytes(kept)
    assert _names(tmp_path) == set()
