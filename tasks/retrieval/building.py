"""Makes an index of a snapshot of documents: chunks, vectors, words, and what it was made of.

The documents are those that ingestion kept: redacted, held to their contract, each once. A
document's chunks are encoded together and with nobody else's, so that its vectors are the same
bytes whether they are made now or were by an earlier index, which is why only documents that are
new to it are encoded. Needs numpy and pyarrow; writes the folder it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.digests import canonical_json
from data_contracts.errors import ContractError, InputError
from data_contracts.kinds.document import DocumentRecord
from data_contracts.records import Frozen
from data_contracts.snapshot.reading import read_report, read_rows
from tasks.models.encoding import Encodes
from tasks.retrieval.chunking import Chunk, Chunking, chunk_document
from tasks.retrieval.graph import write_graph
from tasks.retrieval.lexical import write_words

STEP = "index"
FACTS, CHUNKS, VECTORS = "index.json", "chunks.parquet", "vectors.npy"
EXACT_UP_TO = 200_000  # chunks that are all compared with a question
_PARTS = ".parts"  # scratch: the vectors of some documents each, for a build that goes on
_TOGETHER = 32  # documents between two looks at what is done
_MOST_ODD = 0.05  # of a text's characters: more, and it is none

Tell = Callable[[int, int | None], None]


class Facts(Frozen):
    """What an index was made of. `newest` is the time of the newest row that had one (ISO 8601).

    `sources` are digests by name. `nodes` of a graph there are only above `exact_up_to` chunks.
    """

    snapshot: str
    encoder: str
    dimension: int
    chunking: Chunking
    exact_up_to: int
    documents: int
    chunks: int
    tokens: int
    nodes: int
    sources: dict[str, str]
    newest: str | None


class Earlier(NamedTuple):
    """Vectors of an earlier index with the same encoder and chunking, and where documents stand."""

    vectors: Any
    places: dict[str, tuple[int, int]]


class Asked(NamedTuple):
    """What is asked of an index."""

    snapshot: str
    chunking: Chunking
    exact_up_to: int = EXACT_UP_TO


def write_index(
    snapshot: Path,
    asked: Asked,
    encoder: Encodes,
    folder: Path,
    *,
    earlier: Earlier | None = None,
    tell: Tell = lambda done, total: None,
) -> dict[str, int]:
    """Fill `folder` with the index of a snapshot's folder; return counts.

    InputError where there is nothing to index, or chunks may be longer than the encoder reads;
    ContractError names a document that is no text.
    """
    import numpy as np

    _require(asked, encoder)
    report = read_report(snapshot)
    if report.kind != DocumentRecord.KIND:
        raise InputError(
            f"the snapshot holds rows of kind {report.kind}, not documents",
            step=STEP,
            where=f"snapshot {asked.snapshot[:16]}",
            remedy="ingest the documents with --kind document",
        )
    cut = [list(_chunks(row, asked.chunking, encoder)) for row in read_rows(snapshot)]
    per_document = [chunks for chunks in cut if chunks]
    every = [chunk for chunks in per_document for chunk in chunks]
    if not every:
        raise InputError(
            f"there is nothing to index: {report.kept} documents, and no text in them",
            step=STEP,
            where=f"snapshot {asked.snapshot[:16]}",
            remedy="ingest documents that hold text",
        )
    vectors = np.lib.format.open_memmap(
        folder / VECTORS, mode="w+", dtype=np.float32, shape=(len(every), encoder.dimension)
    )
    made = _fill(vectors, per_document, encoder, folder / _PARTS, earlier, tell)
    vectors.flush()
    _write_chunks(every, folder / CHUNKS)
    write_words([chunk.encoded for chunk in every], folder)
    nodes = write_graph(vectors, folder) if len(every) > asked.exact_up_to else 0
    tokens = sum(chunk.tokens for chunk in every)
    facts = Facts(
        snapshot=asked.snapshot,
        encoder=encoder.digest,
        dimension=encoder.dimension,
        chunking=asked.chunking,
        exact_up_to=asked.exact_up_to,
        documents=len(per_document),
        chunks=len(every),
        tokens=tokens,
        nodes=nodes,
        sources=report.sources,
        newest=report.newest,
    )
    (folder / FACTS).write_bytes(canonical_json(facts.model_dump(mode="json")) + b"\n")
    return {
        "documents": len(per_document),
        "without_text": len(cut) - len(per_document),
        "chunks": len(every),
        "tokens": tokens,
        "encoded_documents": made,
    }


def _require(asked: Asked, encoder: Encodes) -> None:
    if asked.chunking.tokens > encoder.max_tokens:
        raise InputError(
            f"chunks of {asked.chunking.tokens} tokens: the encoder reads {encoder.max_tokens}",
            step=STEP,
            where="chunk_tokens",
            remedy=f"ask for {encoder.max_tokens} or fewer: what is beyond would not be found",
        )


def _chunks(row: dict[str, Any], chunking: Chunking, encoder: Encodes) -> list[Chunk]:
    source, line, text = row["source"], row["line"], row["text"]
    odd = sum(one == "\ufffd" or (one < " " and one not in "\t\n\r\f\v") for one in text)
    if "\0" in text or odd > _MOST_ODD * len(text):
        raise ContractError(
            "a document is no text: it holds control characters, as binary files do",
            step=STEP,
            where=f"{source}, line {line}",
            remedy="take it out of the source, or turn it into text first, and ingest again",
        )
    return chunk_document(row["id"], source, line, text, chunking, encoder.count)


def _fill(
    vectors: Any,
    per_document: Sequence[list[Chunk]],
    encoder: Encodes,
    parts: Path,
    earlier: Earlier | None,
    tell: Tell,
) -> int:
    """Fill in the vectors of every document; return how many documents were encoded."""
    import numpy as np

    parts.mkdir(exist_ok=True)
    place = made = 0
    for number, some in enumerate(_some(per_document)):
        size = sum(map(len, some))
        kept = parts / f"{number:06d}.npy"
        found = _kept(kept, (size, encoder.dimension))
        if found is None:
            encoded: list[Any] = []
            for chunks in some:
                known = _known(chunks, earlier)
                made += known is None
                encoded.append(
                    encoder.encode([chunk.encoded for chunk in chunks]) if known is None else known
                )
            found = np.concatenate(encoded)
            with kept.with_suffix(".new").open("wb") as file:
                np.save(file, found)
            kept.with_suffix(".new").replace(kept)
        vectors[place : place + size] = found
        place += size
        tell(place, len(vectors))
    return made


def _some(per_document: Sequence[list[Chunk]]) -> Iterator[list[list[Chunk]]]:
    waiting = iter(per_document)
    while some := list(islice(waiting, _TOGETHER)):
        yield some


def _kept(path: Path, shape: tuple[int, int]) -> Any:
    """Return the vectors that an interrupted build left, if they are whole."""
    import numpy as np

    if not path.is_file():
        return None
    try:
        found = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == shape else None


def _known(chunks: Sequence[Chunk], earlier: Earlier | None) -> Any:
    if earlier is None or (place := earlier.places.get(chunks[0].document)) is None:
        return None
    start, end = place
    return earlier.vectors[start:end] if end - start == len(chunks) else None


def _write_chunks(chunks: Sequence[Chunk], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("id", "document", "source")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("line", pa.int64()),
            ("headings", pa.list_(pa.string())),
            ("text", pa.string()),
            ("tokens", pa.int64()),
        ]
    )
    columns = zip(*chunks, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")
