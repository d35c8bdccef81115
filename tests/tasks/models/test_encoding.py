"""The encoder for documents gives the other one's vectors, and the same bits again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from tasks.models.embedding import load_embedder, packaged_minilm
from tasks.models.encoding import Encoder, spelled_out

TEXTS = [
    "The tent costs 89 euros.",
    "A rope is retired after a fall.",
    "Short.",
    "Where is the shop? " * 15,
    "Öffnungszeiten: 10 bis 19 Uhr, 中文也可以。",
]


@pytest.fixture(scope="module")
def loaded() -> Encoder:
    return Encoder()


def test_vectors_are_those_of_transformers(loaded: Encoder) -> None:
    import numpy as np

    expected = load_embedder(packaged_minilm())(TEXTS)
    assert np.abs(loaded.encode(TEXTS) - expected).max() < 1e-5
    assert loaded.encode([]).shape == (0, 384)


def test_the_same_texts_give_the_same_bits(loaded: Encoder) -> None:
    assert (loaded.encode(TEXTS) == Encoder().encode(TEXTS)).all()


def test_no_text_is_cut_in_silence(loaded: Encoder) -> None:
    (size,) = loaded.count(["word " * 300])
    assert size == 300
    with pytest.raises(InputError, match="302 tokens, the encoder reads 128"):
        loaded.encode(["word " * 300])


def test_a_very_long_word_is_read_in_pieces(loaded: Encoder) -> None:
    blob = "q7x" * 300
    assert loaded.count([blob])[0] > 300  # and not one unknown token
    assert spelled_out("a " + "b" * 250).split() == ["a", "b" * 100, "b" * 100, "b" * 50]
    assert spelled_out("plain words") == "plain words"


def test_a_folder_with_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="no encoder that can be run"):
        Encoder(tmp_path)
