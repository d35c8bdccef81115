from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from model_registry.model_files import check_model_folder
from tasks.finetuning.base_model import EMBEDDED, BaseModel, locate, materialize
from tasks.models.loading import load_model


def never(name: str) -> Path:
    raise AssertionError(f"the registry was asked for {name}")


def test_the_embedded_base_is_a_model_that_knows_something(embedded_base: Path) -> None:
    parts: tuple[Any, Any] = load_model(embedded_base)
    model, tokenizer = parts
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in str(tokenizer.decode(said[0, prompt["input_ids"].shape[1] :]))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(134.5e6, rel=1e-3)


def test_the_embedded_base_is_the_same_in_every_environment(embedded_base: Path) -> None:
    settings = json.loads((embedded_base / "tokenizer_config.json").read_text())
    assert not {"local_files_only", "is_local", "name_or_path"} & settings.keys()
    for path in embedded_base.glob("*.json"):
        assert "/" not in json.loads(path.read_text()).get("_name_or_path", ""), path.name


def test_the_embedded_base_goes_by_the_digest_of_its_file(tmp_path: Path) -> None:
    found = locate("smollm2-135m-instruct", never, None, tmp_path)
    file = Path(found.source)
    assert file.suffix == ".gguf" and EMBEDDED[found.name] in file.parts
    assert found.digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_folder_is_named_without_its_path_and_its_digest_is_its_files(
    tiny_model: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    shutil.copytree(tiny_model, one)
    shutil.copytree(tiny_model, two)
    (two / "notes.md").write_text("not part of the model")
    first, second = (locate(str(place), never, None, tmp_path) for place in (one, two))
    assert (first.name, first.source) == ("one", str(one))
    assert first.digest == second.digest
    template = two / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    assert locate(str(two), never, None, tmp_path).digest != first.digest


def test_a_folder_is_copied_without_what_is_no_part_of_a_model(
    tiny_model: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(tiny_model, source)
    (source / "notes.md").write_text("x")
    out.mkdir()
    materialize(locate(str(source), never, None, tmp_path), out)
    copied = {path.name: path.read_bytes() for path in out.iterdir()}
    assert copied == {path.name: path.read_bytes() for path in tiny_model.iterdir()}


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "~/nothing-here"])
def test_a_missing_folder_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a model folder") as error:
        locate(name, never, None, tmp_path)
    assert error.value.where == name


def test_a_file_is_no_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="not a model folder"):
        locate(str(tmp_path / "model.safetensors"), never, None, tmp_path)


@pytest.mark.parametrize("name", ["nobody/no-such-model", "not a hub id", "a/b/c"])
def test_a_hub_id_that_cannot_be_had_says_what_else_there_is(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the hub did not give it") as error:
        locate(name, never, None, tmp_path)
    assert error.value.where == name and "smollm2-135m-instruct" in error.value.remedy


def test_a_registered_model_is_fetched_by_its_name(tiny_model: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        return tiny_model

    found = locate("models:/help-desk@champion", fetch, None, tmp_path)
    assert asked == [found.name] == ["models:/help-desk@champion"]
    assert found.digest == locate(str(tiny_model), never, None, tmp_path).digest


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("config.json", '{"model_type": "gpt2"}', "not LLaMA-shaped"),
        ("config.json", '{"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}}', "code"),
        ("pytorch_model.bin", "x", "pickle"),
        ("modeling.py", "x", "code"),
    ],
)
def test_a_hostile_or_foreign_folder_is_refused(
    tiny_model: Path, tmp_path: Path, name: str, content: str, what: str
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / name).write_text(content)
    with pytest.raises(InputError, match=what):
        locate(str(tmp_path / "model"), never, None, tmp_path)


def put(s3_server: Any, prefix: str, folder: Path) -> None:
    for path in folder.iterdir():
        s3_server.client.put_object(
            Bucket="paddock", Key=f"{prefix}/{path.name}", Body=path.read_bytes()
        )


def test_a_model_in_s3_is_brought_here(s3_server: Any, tiny_model: Path, tmp_path: Path) -> None:
    put(s3_server, "models/tiny", tiny_model)
    for key in ("models/tiny/epoch-1/model.safetensors", "models/tiny/optimizer.bin"):
        s3_server.client.put_object(Bucket="paddock", Key=key, Body=b"not wanted")
    name, cache, out = "s3://paddock/models/tiny", tmp_path / "cache", tmp_path / "out"
    found = locate(name, never, s3_server.endpoint_url, cache)
    assert found == BaseModel(
        name=name,
        source=found.source,
        digest=locate(str(tiny_model), never, None, tmp_path).digest,
    )
    assert found == locate(name, never, s3_server.endpoint_url, cache)
    out.mkdir()
    materialize(found, out)
    check_model_folder(out)
    assert {path.name for path in out.iterdir()} == {path.name for path in tiny_model.iterdir()}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("s3://paddock/models/nothing", "no model files"),
        ("s3://no-such-bucket/x", "did not answer"),
    ],
)
def test_a_place_in_s3_without_a_model_is_named(
    s3_server: Any, tmp_path: Path, name: str, what: str
) -> None:
    with pytest.raises(InputError, match=what) as error:
        locate(name, never, s3_server.endpoint_url, tmp_path)
    assert error.value.where == name
