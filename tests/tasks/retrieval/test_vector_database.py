"""Vectors in PostgreSQL: the same chunks as on this machine; a copy is whole, or refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

from data_contracts.errors import ContractError, InputError, IntegrityError, PaddockError
from eval_sets.retrieval.loading import load_retrieval_set
from tasks.models.encoding import Encoder
from tasks.retrieval import vector_tables
from tasks.retrieval.building import VECTORS, Asked, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.graph import MEMBERS
from tasks.retrieval.in_postgres import open_index
from tasks.retrieval.index import WAYS, Index
from tasks.retrieval.nearest import Compared, Near, ranked
from tasks.retrieval.vector_database import VectorDatabase
from tasks.retrieval.vector_tables import table_of
from tests.documents import write_documents
from tests.ledgers import execute, made_database

DIGEST, STORE = "ab" * 32, "/a/store"
SECRET = "hunter2"


@pytest.fixture
def database(vectors: str) -> VectorDatabase:
    """Return an empty database."""
    return VectorDatabase(vectors)


@pytest.fixture(params=["here", "postgresql"])
def near(request: pytest.FixtureRequest) -> Iterator[Callable[[Path, Any], Near]]:
    """Give what searches drawn vectors that lie in an index's folder: both ways alike."""

    def here(_: Path, vectors: Any) -> Near:
        return Compared(vectors)

    def there(folder: Path, vectors: Any) -> Near:
        import numpy as np

        from tasks.retrieval.in_postgres import Published
        from tasks.retrieval.index import read_facts

        np.save(folder / VECTORS, vectors)
        facts = read_facts(folder).model_copy(
            update={"chunks": len(vectors), "dimension": vectors.shape[1]}
        )
        (folder / "index.json").write_text(facts.model_dump_json())
        database = VectorDatabase(request.getfixturevalue("vectors"))
        database.publish(DIGEST, folder, STORE)
        return Published(database, DIGEST, facts, folder)

    yield here if request.param == "here" else there


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the guides' index that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "index"))


def test_nearest_are_named_alike_whoever_looks(
    near: Callable[[Path, Any], Near], folder: Path
) -> None:
    """Many equal vectors, and many that float32 cannot tell apart in any one order of adding."""
    import numpy as np

    drawn = np.random.default_rng(5).normal(size=(900, 48))
    drawn[::3] = drawn[0]
    drawn[1::3] = drawn[1] + 1e-7 * drawn[1::3]
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    search = near(folder, vectors)
    exact = vectors.astype(np.float64)
    for asked in (vectors[0], vectors[1], vectors[2], -vectors[5]):
        scores = (exact * asked.astype(np.float64)).sum(axis=1)
        wanted = sorted(range(900), key=lambda place, s=scores: (-s[place], place))[:60]
        found = ranked(vectors, search.near(asked, 60), asked, 60)
        assert [place for place, _ in found] == wanted
    assert len(ranked(vectors, search.near(vectors[4], 2000), vectors[4], 2000)) == 900


def test_an_index_finds_the_same_chunks_in_the_database(
    built: Path, encoder: Encoder, database: VectorDatabase
) -> None:
    assert database.publish(DIGEST, built, STORE)
    questions = [case.question for case in load_retrieval_set("desk_guides").cases]
    here = open_index(built, DIGEST, encoder, None).search_all(questions, 10)
    there = open_index(built, DIGEST, encoder, database).search_all(questions, 10)
    assert all(here[way] == there[way] for way in WAYS)
    assert sum(map(len, here["meaning"])) == 10 * len(questions)


def test_publishing_again_changes_nothing_and_mends_what_was_changed(
    built: Path, encoder: Encoder, database: VectorDatabase, vectors: str
) -> None:
    table = table_of(DIGEST)
    assert database.publish(DIGEST, built, STORE)
    assert not database.publish(DIGEST, built, STORE)
    one = f"(SELECT embedding FROM {table} WHERE place = 1)"
    for change in (
        f"DELETE FROM {table} WHERE place = 3",
        f"UPDATE {table} SET embedding = {one} WHERE place = 2",
        f"UPDATE {table} SET place = 1000 WHERE place = 5",
        f"DROP TABLE {table}",
    ):
        execute(vectors, change)
        with pytest.raises(IntegrityError, match="what is there was changed") as refused:
            open_index(built, DIGEST, encoder, database)
        assert f"paddock index publish --index {DIGEST[:16]}" in refused.value.remedy
        assert database.publish(DIGEST, built, STORE)
        open_index(built, DIGEST, encoder, database)


def test_another_index_or_none_is_refused(
    built: Path, encoder: Encoder, database: VectorDatabase, folder: Path
) -> None:
    with pytest.raises(IntegrityError, match="is not in the database"):
        open_index(built, DIGEST, encoder, database)
    database.publish(DIGEST, built, STORE)
    with pytest.raises(IntegrityError, match="is not in the database"):
        open_index(built, "cd" * 32, encoder, database)
    write = write_documents(folder.with_name("rows"), {"one": "# Ropes\n\nA rope is retired."})
    shutil.rmtree(folder)
    folder.mkdir()
    write_index(write, Asked("b" * 64, Chunking()), encoder, folder)
    with pytest.raises(IntegrityError, match="with other vectors"):
        open_index(folder, DIGEST, encoder, database)


def test_a_copy_goes_with_the_last_store_that_wants_it(
    built: Path, encoder: Encoder, database: VectorDatabase
) -> None:
    database.publish(DIGEST, built, STORE)
    database.publish(DIGEST, built, "s3://other")
    [copy] = database.copies(STORE)
    assert (copy.digest, copy.rows, copy.dimension) == (DIGEST, 44, 384)
    assert database.withdraw(DIGEST, STORE)
    assert not database.withdraw(DIGEST, STORE)
    assert database.copies(STORE) == []
    open_index(built, DIGEST, encoder, database)
    assert database.withdraw(DIGEST, "s3://other")
    with pytest.raises(IntegrityError, match="is not in the database"):
        open_index(built, DIGEST, encoder, database)


def test_what_dies_while_it_publishes_leaves_nothing(
    built: Path, database: VectorDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: Any) -> Any:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\2"

    with monkeypatch.context() as patch:
        patch.setattr(vector_tables, "_rows", torn)
        with pytest.raises(PaddockError, match="does not do what is asked"):
            database.publish(DIGEST, built, STORE)
    assert database.copies(STORE) == []
    assert database.publish(DIGEST, built, STORE)


def test_a_graph_in_the_database_finds_what_comparing_all_finds(
    tmp_path: Path, guides: dict[str, str], built: Path, encoder: Encoder, vectors: str
) -> None:
    """Two guides say the same: equal vectors are one row there, and both chunks are named."""
    database, folder = VectorDatabase(vectors), tmp_path / "index"
    rows = write_documents(tmp_path / "rows", {**guides, "again": guides["00"]})
    folder.mkdir()
    write_index(rows, Asked("a" * 64, Chunking(), 10), encoder, folder)
    (folder / "graph.faiss").unlink()  # it is the database's graph that is asked
    database.publish(DIGEST, folder, STORE)
    index = open_index(folder, DIGEST, encoder, database)
    assert index.facts.nodes < index.facts.chunks
    assert database.copies(STORE)[0].rows == index.facts.nodes
    exact = Index(built, encoder)
    texts = [[one.text for one in found.chunks([0, 1, 2])] for found in (index, exact)]
    assert texts[0] == texts[1]
    for question in ("cold nights", "what does renting cost", "a stove"):
        found = [
            list(dict.fromkeys(chunk.text for chunk in one.chunks([hit.place for hit in hits])))[:3]
            for one in (index, exact)
            if (hits := one.search(question, 8, "meaning"))
        ]
        assert found[0] == found[1]
    same = index.search(exact.chunks([0])[0].encoded, 2, "meaning")
    assert same[0].score == same[1].score == pytest.approx(1, abs=1e-3)
    execute(vectors, f"DROP INDEX {table_of(DIGEST)}_embedding_idx")  # there was one


def test_a_graph_that_loses_vectors_is_not_published(
    tmp_path: Path, guides: dict[str, str], encoder: Encoder, vectors: str, monkeypatch: Any
) -> None:
    import numpy as np

    folder = tmp_path / "index"
    rows = write_documents(tmp_path / "rows", guides)
    folder.mkdir()
    write_index(rows, Asked("a" * 64, Chunking(), 10), encoder, folder)
    drawn = np.random.default_rng(1).normal(size=(3000, 384)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    np.save(folder / VECTORS, drawn)
    places = np.arange(3000)
    np.savez(folder / MEMBERS, order=places, starts=np.arange(3001), alone=places[:0])
    monkeypatch.setattr(vector_tables, "NEIGHBOURS", 2)
    monkeypatch.setattr(vector_tables, "BUILD_WIDTH", 4)
    monkeypatch.setattr(vector_tables, "SEARCH_WIDTH", 1)
    database = VectorDatabase(vectors)
    with pytest.raises(ContractError, match="do not find themselves in the database's graph"):
        database.publish(DIGEST, folder, STORE)
    assert database.copies(STORE) == []


def test_a_server_without_the_extension_is_refused(built: Path) -> None:
    with made_database() as address:
        database = VectorDatabase(address)
        for asked in (
            lambda: database.publish(DIGEST, built, STORE),
            lambda: database.copies(STORE),
        ):
            with pytest.raises(ContractError, match="this PostgreSQL has no extension vector"):
                asked()


@pytest.mark.parametrize(
    "address",
    [
        f"mysql://me:{SECRET}@host/db",
        f"postgresql://me:{SECRET}@host:{SECRET}/db",
        f"postgresql://me:{SECRET}@host/db?{SECRET}=1",
        f"postgresql://me:pa@{SECRET}@host/db",
        f"postgresql://me:12/{SECRET}@host/db",
        f"host=there password={SECRET}",
    ],
)
def test_an_address_that_is_none_is_not_shown(address: str) -> None:
    with pytest.raises(InputError, match="no address of a PostgreSQL database") as refused:
        VectorDatabase(address)
    assert SECRET not in "".join(format_exception(refused.value, limit=0))


def test_a_server_that_is_away_is_named_without_a_password() -> None:
    database = VectorDatabase(f"postgresql://me:{SECRET}@127.0.0.1:9/vectors?sslmode=disable")
    with pytest.raises(PaddockError, match=r"\(OperationalError\)") as refused:
        database.copies(STORE)
    assert refused.value.where == "postgresql://127.0.0.1:9/vectors"
    assert SECRET not in f"{refused.value}{database!r}"
