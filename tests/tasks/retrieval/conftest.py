"""One small index of the demo shop's guides, built once, and the encoder that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval_sets.retrieval.loading import DOCUMENTS, load_retrieval_set
from tasks.models.encoding import Encoder
from tasks.retrieval.building import Asked, write_index
from tasks.retrieval.chunking import Chunking
from tests.documents import write_documents
from tests.vector_server import vector_server, vectors

__all__ = ["vector_server", "vectors"]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The real encoder."""
    return Encoder()


@pytest.fixture(scope="session")
def guides() -> dict[str, str]:
    """The guides that the retrieval set desk_guides is about, by their number."""
    path = load_retrieval_set("desk_guides").folder / DOCUMENTS
    lines = path.read_text().splitlines()
    return {f"{number:02d}": json.loads(line)["text"] for number, line in enumerate(lines)}


@pytest.fixture(scope="session")
def built(
    encoder: Encoder, guides: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of their index."""
    folder = tmp_path_factory.mktemp("retrieval")
    snapshot = write_documents(folder / "snapshot", guides, newest="2026-03-01T00:00:00+00:00")
    (folder / "index").mkdir()
    write_index(snapshot, Asked("a" * 64, Chunking()), encoder, folder / "index")
    return folder / "index"
