"""The files of a model: which are refused before they are read, and what its tokenizer does.

Needs a folder as `save_pretrained` writes it (config.json, *.safetensors, tokenizer.json and a
chat template). What is refused is refused before transformers reads a byte. Writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_contracts.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The decoder blocks and weight names of LlamaForCausalLM; Mistral's are the same.
LLAMA_SHAPED = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM"}
# Weights in these formats are pickles (or may be), and unpickling runs code.
UNSAFE_SUFFIXES = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".h5", ".msgpack", ".npy"}
)
CODE_SUFFIXES = frozenset({".py", ".pyc", ".so"})
# Keys of a config by which transformers fetches or runs code that is not its own.
CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "attn_implementation", "use_kernels"})
# Files of words, where a key that looks like one of the above is only a word.
_VOCABULARIES = frozenset({"tokenizer.json", "vocab.json"})


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the folder's tokenizer, without code of its own."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def check_model_folder(folder: Path) -> None:
    """Refuse (InputError) a folder that could run code or that is not a LLaMA-shaped chat model."""
    if not folder.is_dir():
        raise _refusal("there is no such folder", folder, "give the folder of a model")
    config = _json_object(folder / "config.json")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        _check_file(path)
    _check_shape(config, folder)
    if not any(path.suffix == ".safetensors" for path in folder.iterdir()):
        remedy = "save the model with save_pretrained(safe_serialization=True)"
        raise _refusal("there are no safetensors weights", folder, remedy)
    if not (folder / "tokenizer.json").is_file():
        remedy = "save the model's fast tokenizer beside it with save_pretrained"
        raise _refusal("there is no tokenizer.json", folder, remedy)
    if not _has_chat_template(folder):
        remedy = "take an instruction-tuned model, or put a chat_template.jinja beside the weights"
        raise _refusal("the tokenizer has no chat template", folder, remedy)


def tokenizer_digest(folder: Path) -> str:
    """Return the sha256 (hex) of what a tokenizer does, however its files are written.

    It covers vocabulary, merges, normalization, special tokens and chat template. Padding and
    truncation are left out: they belong to the use of a tokenizer and change no token.
    """
    tokenizer = cast("Any", load_tokenizer(folder))
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    for use in ("padding", "truncation"):
        backend.pop(use, None)
    parts = {
        "backend": backend,
        "special_tokens": {
            name: str(token) for name, token in tokenizer.special_tokens_map.items() if token
        },
        "chat_template": tokenizer.chat_template,
    }
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def refuse_other_tokenizer(trained: str, shipped: Path) -> str:
    """Return the digest of a folder's tokenizer; IntegrityError if it is not the one that trained.

    `trained` is `tokenizer_digest` of the tokenizer that trained.
    """
    digest = tokenizer_digest(shipped)
    if digest != trained:
        raise IntegrityError(
            "the tokenizer that ships is not the one that trained"
            " (vocabulary, special tokens or chat template differ)",
            step="model",
            where=str(shipped),
            remedy="ship the tokenizer files that the training wrote",
        )
    return digest


def _check_file(path: Path) -> None:
    if path.suffix.lower() in UNSAFE_SUFFIXES:
        remedy = "convert the weights to safetensors and remove the pickles"
        raise _refusal(f"{path.name} may be a pickle, which can run code", path.parent, remedy)
    if path.suffix.lower() in CODE_SUFFIXES:
        remedy = "remove the code; models load with transformers' own classes only"
        raise _refusal(f"{path.name} is code", path.parent, remedy)
    if path.suffix == ".json" and path.name not in _VOCABULARIES:
        found = CODE_KEYS & set(_keys(_json(path)))
        if found:
            remedy = "remove the entry; models load with transformers' own classes only"
            raise _refusal(
                f"{path.name} asks for code of its own ({', '.join(sorted(found))})",
                path.parent,
                remedy,
            )


def _check_shape(config: dict[str, Any], folder: Path) -> None:
    model_type = config.get("model_type")
    wanted = LLAMA_SHAPED.get(model_type) if isinstance(model_type, str) else None
    architectures = config.get("architectures") or [wanted]
    if wanted is None or architectures != [wanted]:
        shown = str(model_type)[:40]
        raise _refusal(
            f"the model is not LLaMA-shaped (its config.json says model_type {shown!r})",
            folder,
            f"take a model of type {' or '.join(LLAMA_SHAPED)}",
        )


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(_json_object(settings).get("chat_template"))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        remedy = "give the folder of a model as save_pretrained writes it"
        raise _refusal(f"{path.name} cannot be read as JSON", path.parent, remedy) from error


def _json_object(path: Path) -> dict[str, Any]:
    value = _json(path)
    if not isinstance(value, dict):
        remedy = "give the folder of a model as save_pretrained writes it"
        raise _refusal(f"{path.name} is not a JSON object", path.parent, remedy)
    return cast("dict[str, Any]", value)


def _keys(value: Any) -> Iterator[str]:
    """Yield every key of a JSON value, however deep (json.loads bounds the depth)."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield key.removeprefix("_")
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _keys(inner)


def _refusal(what: str, folder: Path, remedy: str) -> InputError:
    return InputError(what, step="model", where=str(folder), remedy=remedy)
