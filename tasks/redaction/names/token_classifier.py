"""Reads names with a Hugging Face token classifier from a folder; on the GPU if there is one.

Needs torch and transformers; the weights must be safetensors, and code in the folder is not run.
Nothing is downloaded. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError
from tasks.redaction.names.entities import OTHER, Entity, kind_of

_BATCH = 32  # sentences
_LONGEST = 512  # tokens at once, and no more than the model was trained for
_OVERLAP = 64  # tokens that two parts of a long sentence share


class TokenClassifier:
    """A token classifier with labels such as PER, LOC, GPE or ORG, with or without B- and I-."""

    def __init__(self, folder: Path) -> None:
        """Load tokenizer and weights; InputError if the folder does not hold them."""
        import torch
        from transformers import AutoModelForTokenClassification, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_fast=True
            )
            model: Any = AutoModelForTokenClassification.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"the names model cannot be loaded ({type(error).__name__})",
                step="redaction",
                where=str(folder),
                remedy="give a folder with a token classifier: config.json, model.safetensors and "
                "a fast tokenizer; weights that are pickles and models with code are refused",
            ) from error
        self._labels: dict[int, str] = model.config.id2label
        if all(kind_of(label) == OTHER for label in self._labels.values()):
            raise InputError(
                "the names model has no label for a person, place or organization",
                step="redaction",
                where=str(folder),
                remedy="give a model whose labels are PER, LOC and ORG, or names like them",
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.eval().to(self._device)
        own = int(getattr(model.config, "max_position_embeddings", _LONGEST))
        self._longest = min(_LONGEST, own, int(self._tokenizer.model_max_length))

    @property
    def meaning(self) -> None:
        """Return nothing: a token classifier has vectors of words in their sentences only."""

    def read(self, sentences: Sequence[str]) -> list[list[Entity]]:
        """Return what is marked in each sentence, in order of place."""
        found: list[list[Entity]] = [[] for _ in sentences]
        for low in range(0, len(sentences), _BATCH):
            batch = list(sentences[low : low + _BATCH])
            for number, entities in self._read_batch(batch):
                found[low + number] += entities
        return [_merged(one) for one in found]

    def _read_batch(self, batch: list[str]) -> Iterator[tuple[int, list[Entity]]]:
        """Yield the number of a sentence and what is marked in a part of it."""
        import torch

        told = self._tokenizer(
            batch,
            padding=True,
            truncation=True,
            max_length=self._longest,
            stride=min(_OVERLAP, self._longest // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        fed = {"input_ids": told["input_ids"], "attention_mask": told["attention_mask"]}
        with torch.inference_mode():
            logits = self._model(**{name: value.to(self._device) for name, value in fed.items()})
        numbers = logits.logits.argmax(dim=-1).cpu().tolist()
        offsets, special = told["offset_mapping"].tolist(), told["special_tokens_mask"].tolist()
        for row, sentence in enumerate(told["overflow_to_sample_mapping"].tolist()):
            tokens = [
                (self._labels[label], start, end)
                for label, (start, end), skipped in zip(
                    numbers[row], offsets[row], special[row], strict=True
                )
                if not skipped and end > start
            ]
            yield sentence, list(spans_of(batch[sentence], tokens))


def spans_of(text: str, tokens: Sequence[tuple[str, int, int]]) -> Iterator[Entity]:
    """Join labelled tokens (label, start, end) of a text into entities.

    `B-` starts one; the same kind without it goes on, as does the rest of a word that has begun.
    """
    kind, start, end = "O", 0, 0
    for label, low, high in tokens:
        own = "O" if label == "O" else kind_of(label)
        same_word = low == end and low > 0 and text[low - 1].isalnum() and text[low].isalnum()
        same_name = own == kind and not label.upper().startswith("B-")
        if kind != "O" and (same_word or same_name):
            end = high
            continue
        if kind != "O":
            yield Entity(kind, start, end)
        kind, start, end = own, low, high
    if kind != "O":
        yield Entity(kind, start, end)


def _merged(entities: list[Entity]) -> list[Entity]:
    """Return entities in order, without those that two parts of a long sentence both show."""
    kept: list[Entity] = []
    for one in sorted(set(entities), key=lambda e: (e.start, -e.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept
