"""An index is built, searched and refused: what it finds, takes over, and is no index for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from data_contracts.errors import ContractError, InputError, IntegrityError
from tasks.models.encoding import Encoder
from tasks.retrieval import building, graph
from tasks.retrieval.building import CHUNKS, FACTS, VECTORS, Asked, Earlier, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.graph import Graph, write_graph
from tasks.retrieval.index import Index, read_facts
from tasks.retrieval.lexical import words_of
from tasks.retrieval.nearest import ranked
from tests.documents import write_documents

TEXTS = {
    "one": "# Ropes\n\nA rope is retired after a long fall.",
    "two": "# Tents\n\nNever pack a tent away wet.",
    "three": "# Boots\n\nLeather is fed with wax.",
}


class Counting:
    """The real encoder, and which texts it was given."""

    def __init__(self, encoder: Encoder) -> None:
        self.real, self.given = encoder, list[str]()
        self.digest, self.dimension, self.max_tokens = (
            encoder.digest,
            encoder.dimension,
            encoder.max_tokens,
        )

    def count(self, texts: Any) -> list[int]:
        return self.real.count(texts)

    def encode(self, texts: Any) -> Any:
        self.given += texts
        return self.real.encode(texts)


def build(
    folder: Path, texts: Mapping[str, str], encoder: Any, earlier: Earlier | None = None
) -> dict[str, int]:
    snapshot = write_documents(folder.with_name(f"{folder.name}-rows"), texts)
    folder.mkdir(exist_ok=True)
    counts = write_index(snapshot, Asked("b" * 64, Chunking()), encoder, folder, earlier=earlier)
    shutil.rmtree(folder / ".parts")  # scratch, which no output has
    return counts


def test_a_question_finds_its_passage_by_meaning_and_by_words(
    built: Path, encoder: Encoder
) -> None:
    index = Index(built, encoder)
    (best, *_) = hits = index.search("Is there a warranty of backpacks for seams?", 5)
    (chunk,) = index.chunks([best.place])
    assert "The warranty of backpacks is 12 years" in chunk.text
    assert chunk.headings == ("Warranty", "What is covered")
    assert best.score == pytest.approx(1)  # first in both lists
    assert best.cosine is not None
    assert 0.4 < best.cosine < 1
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    far = index.search("my bleached anorak", 3, "meaning")
    assert all(hit.words is None for hit in far)


def test_facts_say_what_it_was_made_of(built: Path, encoder: Encoder) -> None:
    facts = read_facts(built)
    assert (facts.documents, facts.encoder) == (16, encoder.digest)
    assert facts.newest == "2026-03-01T00:00:00+00:00"
    assert len(facts.sources) == 16
    assert facts.chunks > 30


@pytest.mark.parametrize("question", ["", "   ", "?!", "of the and"])
def test_a_question_without_a_word_is_refused(built: Path, encoder: Encoder, question: str) -> None:
    with pytest.raises(InputError, match="question is empty, or has only words"):
        Index(built, encoder).search(question)


def test_words_that_no_document_has_score_nothing(built: Path, encoder: Encoder) -> None:
    index = Index(built, encoder)
    assert index.search("zyzzyva quokka", 5, "words") == []
    assert all(hit.words is None for hit in index.search("zyzzyva quokka", 5))


def test_a_question_longer_than_the_encoder_is_asked_by_its_first_words(
    built: Path, encoder: Encoder
) -> None:
    index = Index(built, encoder)
    long = "How long is the warranty of a backpack? " + "please " * 400
    short = index.search("warranty backpack", 1, "words")
    assert index.search(long, 1, "words")[0].place == short[0].place
    assert index.search(long, 3, "meaning")
    assert index.search("x" * 3000, 1)


def test_a_later_build_encodes_what_is_new_and_gives_the_same_bytes(
    tmp_path: Path, encoder: Encoder
) -> None:
    counting = Counting(encoder)
    build(tmp_path / "first", TEXTS, counting)
    changed = {**TEXTS, "two": "# Tents\n\nDry a tent within a day.", "four": "New here."}
    del changed["one"]
    build(tmp_path / "whole", changed, encoder)
    counting.given.clear()
    before = Index(tmp_path / "first", encoder).earlier()
    counts = build(tmp_path / "later", changed, counting, before)
    assert counting.given == ["Tents\nDry a tent within a day.", "New here."]
    assert counts["encoded_documents"] == 2
    assert folder_digest(tmp_path / "later") == folder_digest(tmp_path / "whole")
    rows = Index(tmp_path / "later", encoder)
    assert all("long fall" not in one.text for one in rows.chunks(range(3)))
    assert rows.search("long fall", 5, "words") == []


def test_a_build_that_died_goes_on(tmp_path: Path, encoder: Encoder, monkeypatch: Any) -> None:
    monkeypatch.setattr(building, "_TOGETHER", 1)
    snapshot = write_documents(tmp_path / "rows", TEXTS)
    folder = tmp_path / "index"
    folder.mkdir()
    counting, failing = Counting(encoder), Counting(encoder)

    def dies(texts: list[str]) -> Any:
        if len(failing.given) == 2:
            raise KeyboardInterrupt
        failing.given.extend(texts)
        return encoder.encode(texts)

    failing.encode = dies  # type: ignore[method-assign]
    asked = Asked("b" * 64, Chunking())
    with pytest.raises(KeyboardInterrupt):
        write_index(snapshot, asked, failing, folder)
    assert not (folder / FACTS).exists()
    write_index(snapshot, asked, counting, folder)
    assert len(counting.given) == 1
    shutil.rmtree(folder / ".parts")
    build(tmp_path / "whole", TEXTS, encoder)
    assert folder_digest(folder) == folder_digest(tmp_path / "whole")


def test_another_encoder_is_refused(built: Path, encoder: Encoder) -> None:
    other = Counting(encoder)
    other.digest = "f" * 64
    with pytest.raises(ContractError, match="another encoder"):
        Index(built, other)
    other.digest, other.dimension = encoder.digest, 512
    with pytest.raises(ContractError, match="512"):
        Index(built, other)


@pytest.mark.parametrize("name", [FACTS, VECTORS, CHUNKS, "words/params.index.json"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_index_is_refused(
    built: Path, encoder: Encoder, tmp_path: Path, name: str, damage: str
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(built, folder)
    raw = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage == "cut":
        (folder / name).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(IntegrityError, match="no whole index"):
        Index(folder, encoder)


def test_documents_that_cannot_be_indexed_are_named(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(ContractError, match="no text") as refused:
        build(tmp_path / "binary", {"good": "Text.", "bad.bin": "\x01\x02\x03ab" * 40}, encoder)
    assert "bad.bin, line 1" in str(refused.value)
    with pytest.raises(InputError, match="nothing to index"):
        build(tmp_path / "empty", {}, encoder)
    with pytest.raises(InputError, match="nothing to index"):
        build(tmp_path / "blank", {"blank": ""}, encoder)
    rows = write_documents(tmp_path / "chats", TEXTS, kind="chat")
    with pytest.raises(InputError, match="kind chat, not documents"):
        write_index(rows, Asked("b" * 64, Chunking()), encoder, tmp_path)
    with pytest.raises(InputError, match="chunks of 256 tokens: the encoder reads 128"):
        write_index(rows, Asked("b" * 64, Chunking(tokens=256)), encoder, tmp_path)


def test_a_graph_finds_what_comparing_all_finds(
    tmp_path: Path, guides: dict[str, str], built: Path, encoder: Encoder
) -> None:
    rows = write_documents(tmp_path / "rows", guides)
    (tmp_path / "index").mkdir()
    write_index(rows, Asked("a" * 64, Chunking(), 10), encoder, tmp_path / "index")
    graphed, exact = Index(tmp_path / "index", encoder), Index(built, encoder)
    assert graphed.facts.nodes == exact.facts.chunks
    for question in ("warranty of a backpack", "cold nights", "what does renting cost"):
        first, second = (one.search(question, 5, "meaning") for one in (graphed, exact))
        assert [hit.place for hit in first] == [hit.place for hit in second]


def test_equal_vectors_hide_no_other(tmp_path: Path) -> None:
    """A third of the rows is one vector: as it is, others would not find themselves."""
    import numpy as np

    drawn = np.random.default_rng(1).normal(size=(900, 32)).astype(np.float32)
    drawn[::3] = drawn[0]
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    assert write_graph(vectors, tmp_path) == 601
    found = Graph(tmp_path)
    for place in range(1, 900, 3):
        assert ranked(vectors, found.near(vectors[place], 1), vectors[place], 1)[0][0] == place
    same = [place for place, _ in ranked(vectors, found.near(vectors[3], 300), vectors[3], 300)]
    assert same == list(range(0, 900, 3))


def test_vectors_that_the_graph_does_not_lead_to_are_found(
    tmp_path: Path, monkeypatch: Any
) -> None:
    import numpy as np

    for width in ("SEARCH_WIDTH", "NEIGHBOURS", "BUILD_WIDTH"):
        monkeypatch.setattr(graph, width, 8)
    drawn = np.random.default_rng(1).normal(size=(2000, 32)).astype(np.float32)
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    write_graph(vectors, tmp_path)
    assert len(np.load(tmp_path / "members.npz")["alone"]) > 20
    found = Graph(tmp_path)
    for place, one in enumerate(vectors):
        assert ranked(vectors, found.near(one, 1), one, 1)[0][0] == place


def test_a_graph_that_loses_vectors_is_not_kept(tmp_path: Path, monkeypatch: Any) -> None:
    import numpy as np

    monkeypatch.setattr(graph, "SEARCH_WIDTH", 1)
    monkeypatch.setattr(graph, "NEIGHBOURS", 2)
    monkeypatch.setattr(graph, "BUILD_WIDTH", 1)
    drawn = np.random.default_rng(1).normal(size=(2000, 32)).astype(np.float32)
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    with pytest.raises(ContractError, match="do not find themselves"):
        write_graph(vectors, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_of_a_text_is_in_a_refusal(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(ContractError) as refused:
        build(tmp_path / "secret", {"row": "SECRET\0SECRET"}, encoder)
    assert "SECRET" not in str(refused.value)
    assert json.dumps(refused.value.remedy)


def test_words_are_compared_in_the_singular_and_without_those_that_ask() -> None:
    assert words_of("Which batteries, houses and ropes does the CLASS use?") == [
        "battery",
        "house",
        "rope",
        "class",
        "use",
    ]
    assert words_of("How is this?") == []
