"""A Hugging Face token classifier as the names model: a real one, tiny, with random weights."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.redaction.names.entities import Entity
from tasks.redaction.names.finder import build_name_finder, names_identity
from tasks.redaction.names.model import load_names_model
from tasks.redaction.names.token_classifier import TokenClassifier, spans_of

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC"]
WORDS = [
    "anna",
    "keller",
    "lives",
    "in",
    "oslo",
    "and",
    "works",
    "at",
    "siemens",
    ".",
    "my",
    "name",
    "is",
    "##s",
    "##a",
    "##e",
    "##r",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers
    from transformers import BertConfig, BertForTokenClassification

    fast: Any = transformers  # its types do not know the tokenizer

    place = tmp_path_factory.mktemp("classifier")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *"abcdefghijklmnopqrstuvwxyz",
    ]
    (place / "vocab.txt").write_text("\n".join(vocabulary))
    words = str(place / "vocab.txt")
    fast.BertTokenizerFast(vocab_file=words, model_max_length=32).save_pretrained(place)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )
    model = BertForTokenClassification(config)
    model.save_pretrained(place, safe_serialization=True)
    return place


def test_it_reads_sentences_of_any_length_the_same_in_any_batch(folder: Path) -> None:
    model = load_names_model(f"hf:{folder}")
    assert isinstance(model, TokenClassifier)
    sentences = ["Anna Keller lives in Oslo.", "", "siemens", "Anna works at Siemens and " * 40]
    read = model.read(sentences)
    assert len(read) == len(sentences)
    assert read == [model.read([one])[0] for one in sentences]
    for sentence, entities in zip(sentences, read, strict=True):
        assert all(0 <= one.start < one.end <= len(sentence) for one in entities)
        assert all(a.end <= b.start for a, b in pairwise(entities))
    assert max(one.end for one in read[3]) > len(sentences[3]) // 2  # beyond the first window


def test_the_finder_works_with_it(folder: Path) -> None:
    found = build_name_finder(str(folder)).find(["My name is Marjorie Haldane."])[0]
    assert {one.kind for one in found} == {"PERSON"}  # its marks, drawn by chance, may cut a name
    assert (found[0].start, found[-1].end) == (11, 27)
    assert names_identity(str(folder))["transformers"]


def test_tokens_are_joined_into_names() -> None:
    text = "Anna Keller, Oslo Bergen"
    tokens = [
        ("B-PER", 0, 4),
        ("I-PER", 5, 8),
        ("O", 8, 11),  # the rest of a word goes with its start
        ("O", 11, 12),
        ("B-LOC", 13, 17),
        ("B-LOC", 18, 24),
    ]
    assert list(spans_of(text, tokens)) == [
        Entity("PERSON", 0, 11),
        Entity("LOCATION", 13, 17),
        Entity("LOCATION", 18, 24),
    ]


def test_weights_that_are_a_pickle_are_refused(folder: Path, tmp_path: Path) -> None:
    import torch

    for name in ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_names_model(str(tmp_path))


def test_a_model_without_labels_for_names_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = {str(number): f"LABEL_{number}" for number in range(len(LABELS))}
    config["label2id"] = {f"LABEL_{number}": number for number in range(len(LABELS))}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no label"):
        load_names_model(str(tmp_path))
