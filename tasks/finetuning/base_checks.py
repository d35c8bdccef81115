"""Whether a base model's parts belong together: its tokens, its embeddings and its chat template.

Looks at headers, configs and the tokenizer, and loads no weights but two that ought to be one.
What is refused here would fail in training after its data was made, or train a model that answers
without an end. Writes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError
from tasks.models.chat_rendering import RenderingError, closing_token, end_ids
from tasks.models.loading import load_outline

EMBEDDINGS, HEAD = "embed_tokens.weight", "lm_head.weight"
STEP = "base model"


def check_parts(folder: Path) -> None:
    """Refuse (InputError) a model whose tokenizer, embeddings and head do not fit each other."""
    outline, tokenizer = load_outline(folder)
    weights = _places(folder)
    embeddings = next((name for name in weights if name.endswith(EMBEDDINGS)), None)
    if embeddings is None:
        raise _refused(
            f"its weights hold no {EMBEDDINGS}", folder, "give the whole model, as it was saved"
        )
    head = HEAD if HEAD in weights else None
    tied = bool(outline.config.tie_word_embeddings)
    _check_tying(folder, weights, embeddings, head, tied)
    for name in filter(None, (embeddings, None if tied else head)):
        _check_rows(folder, name, _shape(weights[name], name)[0], outline.config, tokenizer)


def check_template(folder: Path) -> None:
    """Refuse (InputError) a model whose chat template does not end what the assistant says.

    A model learns to stop by a token that it is to say and that generation stops at. Of the texts
    of documents the tokenizer's own end is that; they need no template.
    """
    outline, tokenizer = load_outline(folder)
    try:
        closing = closing_token(tokenizer, end_ids(outline.generation_config, tokenizer))
    except RenderingError as error:
        raise _refused(
            f"a question with its answer makes no text to learn from: {error}",
            folder,
            "take a base model whose chat template takes user and assistant in turn and only "
            "appends, or give it such a chat_template.jinja",
        ) from None
    if closing is None:
        end = tokenizer.eos_token or "an end-of-text token"
        raise _refused(
            "its chat template puts no token behind an answer at which generation stops, so a "
            "model trained with it would never learn to stop",
            folder,
            f"end the assistant's messages with {end} in its chat_template.jinja (as in "
            "{{ m['content'] }}{{ eos_token }})",
        )


def _check_rows(folder: Path, name: str, rows: int, config: Any, tokenizer: Any) -> None:
    """Hold a matrix's rows to the vocabulary; rows behind the tokenizer's last id are padding."""
    highest = max(tokenizer.get_vocab().values())
    if rows <= highest:
        raise _refused(
            f"its tokenizer has ids up to {highest}, and {name} only {rows} rows: "
            f"{_beyond(tokenizer, rows)} would have none",
            folder,
            "resize the embeddings (model.resize_token_embeddings(len(tokenizer))) and save the "
            "model with its tokenizer, or give the tokenizer that it was trained with",
        )
    if rows != config.vocab_size:
        raise _refused(
            f"config.json says vocab_size {config.vocab_size}, and {name} has {rows} rows",
            folder,
            f"set vocab_size to {rows} if the weights are right",
        )


def _check_tying(
    folder: Path, weights: dict[str, Path], embeddings: str, head: str | None, tied: bool
) -> None:
    if head is None and not tied:
        raise _refused(
            f"config.json says that the head is a matrix of its own (tie_word_embeddings is not "
            f"true), and its weights hold no {HEAD}",
            folder,
            "set tie_word_embeddings to true in config.json if the head is the embeddings",
        )
    if head and tied and not _same(weights, embeddings, head):
        raise _refused(
            f"config.json says that head and embeddings are one matrix (tie_word_embeddings), and "
            f"{HEAD} differs from {embeddings}: it depends on the program which one counts",
            folder,
            "set tie_word_embeddings to false in config.json if the head is its own matrix, or "
            f"save the model without {HEAD}",
        )


def _beyond(tokenizer: Any, rows: int) -> str:
    names = sorted((number, name) for name, number in tokenizer.get_vocab().items())
    shown = [name[:40] for number, name in names if number >= rows]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return ", ".join(shown[:3]) + more


def _places(folder: Path) -> dict[str, Path]:
    """Return each weight's name with its file: as the index says, or as the files do."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        listed = json.loads(index.read_text()).get("weight_map", {})
        return {name: folder / Path(file).name for name, file in listed.items()}
    whole = folder / "model.safetensors"
    files = [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))
    return {name: path for path in files for name in _names(path)}


def _names(path: Path) -> list[str]:
    with _opened(path) as file:
        return list(file.keys())


def _shape(path: Path, name: str) -> list[int]:
    with _opened(path) as file:
        return list(file.get_slice(name).get_shape())


def _same(weights: dict[str, Path], one: str, other: str) -> bool:
    import torch

    found: list[Any] = []
    for name in (one, other):
        with _opened(weights[name]) as file:
            found.append(file.get_tensor(name))
    return found[0].shape == found[1].shape and torch.equal(*found)


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise _refused(
            f"{path.name} cannot be read as safetensors",
            path.parent,
            "save the model with save_pretrained(safe_serialization=True)",
        ) from error


def _refused(what: str, folder: Path, remedy: str) -> InputError:
    return InputError(what, step=STEP, where=str(folder), remedy=remedy)
