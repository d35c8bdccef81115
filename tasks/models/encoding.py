"""The packaged MiniLM for whole documents: exact tokens, no padding, the same bytes again.

The forward pass is BERT's (Devlin et al. (2019), arXiv:1810.04805) without padding: all tokens of a
pack go through each layer as one matrix, and attention runs over texts of equal length. What is
encoded together is decided by the caller, so that a text's vector does not depend on its neighbours
in another run. Needs torch, transformers and safetensors, no network; writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from data_contracts.digests import digest_of_names, file_digest
from data_contracts.errors import InputError
from tasks.models.embedding import MAX_TOKENS, packaged_minilm

STEP = "encode"
_FILES = ("config.json", "model.safetensors", "tokenizer.json")
# WordPiece reads a word of more than 100 letters as one unknown token.
_LONG_WORD, _PIECE = re.compile(r"\w{101,}"), re.compile(r"\w{1,100}")
_PACK_TOKENS = 2048  # a matrix this high keeps a core busy
_READ_AT_ONCE = 1000  # texts whose tokens are held together


class Reads(Protocol):
    """What is needed of an encoder to see how long a text is for it."""

    @property
    def max_tokens(self) -> int:
        """Return the most tokens of a text, with the two at its ends."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens, those at its ends left out."""
        ...


class Encodes(Reads, Protocol):
    """What is needed of an encoder that makes vectors (`Encoder` is one)."""

    @property
    def digest(self) -> str:
        """Return the sha256 of what decides its vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Return how many numbers a vector has."""
        ...

    def encode(self, texts: Sequence[str]) -> Any:
        """Return n unit vectors [n, dimension]."""
        ...


class _Layer(NamedTuple):
    """The weights of one layer; queries, keys and values are one matrix."""

    qkv: tuple[Any, Any]
    attended: tuple[Any, Any]
    norm: tuple[Any, Any]
    wide: tuple[Any, Any]
    narrow: tuple[Any, Any]
    last_norm: tuple[Any, Any]


class Encoder:
    """A BERT encoder whose text vectors are means of its tokens' vectors, of length 1."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take an encoder's folder; without one, the packaged. It is loaded when it is asked."""
        self._folder = folder or packaged_minilm()
        self._config: dict[str, Any] = _config(self._folder)

    @property
    def digest(self) -> str:
        """Return the sha256 (hex) over weights, configuration and vocabulary."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest_of_names({name: file_digest(self._folder / name) for name in _FILES})

    @property
    def dimension(self) -> int:
        """Return how many numbers a vector has."""
        return int(self._config["hidden_size"])

    @property
    def max_tokens(self) -> int:
        """Return the most tokens that a text may have, with the two that mark its ends."""
        return MAX_TOKENS

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's tokens with the two at its ends; none is cut."""
        found: list[list[int]] = []
        for start in range(0, len(texts), _READ_AT_ONCE):
            some = [spelled_out(text) for text in texts[start : start + _READ_AT_ONCE]]
            found += self._tokenizer(some, verbose=False)["input_ids"]
        return found

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, those at its ends left out."""
        return [len(ids) - 2 for ids in self.token_ids(texts)]

    def encode(self, texts: Sequence[str]) -> Any:
        """Return n unit vectors, float32 [n, dimension], each the same bits for the same texts.

        InputError for a text that is longer than the encoder reads.
        """
        import numpy as np

        tokens = self.token_ids(texts)
        longest = max(map(len, tokens), default=0)
        if longest > self.max_tokens:
            raise InputError(
                f"a text has {longest} tokens, the encoder reads {self.max_tokens}",
                step=STEP,
                where=self._folder.name,
                remedy="cut it into chunks before it is encoded",
            )
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for pack in _packs([len(ids) for ids in tokens]):
            vectors[pack] = self._forward([tokens[place] for place in pack])
        return vectors

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Any:
        """Encode texts that are sorted by their number of tokens."""
        import torch
        from torch.nn import functional

        layers, (words, places, norm) = self._weights
        sizes = [len(ids) for ids in tokens]
        runs = [(size, sizes.count(size)) for size in dict.fromkeys(sizes)]
        heads = int(self._config["num_attention_heads"])
        width, eps = self.dimension, float(self._config["layer_norm_eps"])
        with torch.inference_mode():
            ids = torch.tensor([one for text in tokens for one in text])
            at = torch.cat([torch.arange(size) for size in sizes])
            states = functional.layer_norm(words[ids] + places[at], (width,), *norm, eps)
            for layer in layers:
                mixed = _attend(functional.linear(states, *layer.qkv), runs, heads)
                states = states + functional.linear(mixed, *layer.attended)
                states = functional.layer_norm(states, (width,), *layer.norm, eps)
                inner = functional.gelu(functional.linear(states, *layer.wide))
                states = states + functional.linear(inner, *layer.narrow)
                states = functional.layer_norm(states, (width,), *layer.last_norm, eps)
            parts = states.split([size * count for size, count in runs])
            means = [
                part.view(count, size, width).mean(1)
                for part, (size, count) in zip(parts, runs, strict=True)
            ]
            return functional.normalize(torch.cat(means), dim=1).numpy()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(
            self._folder, local_files_only=True, trust_remote_code=False
        )
        # The file may say where to cut; here nothing is cut.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _weights(self) -> tuple[list[_Layer], tuple[Any, Any, tuple[Any, Any]]]:
        import torch
        from safetensors.torch import load_file

        found = load_file(str(self._folder / "model.safetensors"))

        def pair(name: str) -> tuple[Any, Any]:
            return found[f"{name}.weight"].float(), found[f"{name}.bias"].float()

        layers: list[_Layer] = []
        for number in range(int(self._config["num_hidden_layers"])):
            at = f"encoder.layer.{number}"
            three = [pair(f"{at}.attention.self.{name}") for name in ("query", "key", "value")]
            layers.append(
                _Layer(
                    qkv=(torch.cat([w for w, _ in three]), torch.cat([b for _, b in three])),
                    attended=pair(f"{at}.attention.output.dense"),
                    norm=pair(f"{at}.attention.output.LayerNorm"),
                    wide=pair(f"{at}.intermediate.dense"),
                    narrow=pair(f"{at}.output.dense"),
                    last_norm=pair(f"{at}.output.LayerNorm"),
                )
            )
        words = found["embeddings.word_embeddings.weight"].float()
        places = found["embeddings.position_embeddings.weight"].float()
        places = places + found["embeddings.token_type_embeddings.weight"][0].float()
        return layers, (words, places, pair("embeddings.LayerNorm"))


def first_words(encoder: Reads, texts: Sequence[str], most: int | None = None) -> list[str]:
    """Return texts as an encoder can read them: of a longer one, its first words.

    `most` are tokens, those at the ends counted; as many as the encoder reads, if not said.
    """
    room = (most or encoder.max_tokens) - 2
    cut = list(texts)
    for place, size in enumerate(encoder.count(texts)):
        while size > room:
            words = cut[place].split()
            kept = max(1, len(words) * room // size - 1)
            whole = " ".join(words[:kept]) if len(words) > 1 else cut[place]
            cut[place] = whole if len(words) > 1 else whole[: len(whole) * room // size]
            size = encoder.count([cut[place]])[0]
    return cut


def spelled_out(text: str) -> str:
    """Return a text with a space after every 100 letters of a word: WordPiece reads no longer one.

    Without it such a word, be it a whole file in base64, would be one unknown token.
    """
    return _LONG_WORD.sub(lambda found: " ".join(_PIECE.findall(found[0])), text)


def _attend(qkv: Any, runs: Sequence[tuple[int, int]], heads: int) -> Any:
    """Attend within each text of `qkv` [tokens, 3 * width]; `runs` are (tokens, texts) a size."""
    import torch
    from torch.nn import functional

    width = qkv.shape[1] // 3
    mixed: list[Any] = []
    for part, (size, count) in zip(
        qkv.split([size * count for size, count in runs]), runs, strict=True
    ):
        parted = part.view(count, size, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        query, key, value = parted.unbind(0)
        out = functional.scaled_dot_product_attention(query, key, value)
        mixed.append(out.transpose(1, 2).reshape(count * size, width))
    return torch.cat(mixed)


def _packs(sizes: Sequence[int]) -> list[list[int]]:
    """Return the places of texts, shortest first, in packs of at most so many tokens."""
    packs: list[list[int]] = []
    room = 0
    for place in sorted(range(len(sizes)), key=lambda one: (sizes[one], one)):
        if room < sizes[place]:
            packs.append([])
            room = max(_PACK_TOKENS, sizes[place])
        packs[-1].append(place)
        room -= sizes[place]
    return packs


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    wanted = {"model_type": "bert", "hidden_act": "gelu"}
    if any(config.get(name) != value for name, value in wanted.items()):
        raise InputError(
            "this is no encoder that can be run: a BERT with gelu, as safetensors, is needed",
            step=STEP,
            where=str(folder),
            remedy="leave the encoder out: the packaged MiniLM is taken",
        )
    return config
