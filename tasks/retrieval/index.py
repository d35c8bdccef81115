"""An index, opened: a question in, ranked chunks out.

By meaning it is the cosine of vectors, all of them compared (up to a number of chunks) or a graph
of them searched, here or in a database (in_postgres.py); by words BM25. The two are fused by a
convex combination of their scores, each spread from 0 to 1 over its list (Bruch, Gai and Ingber
(2023), ACM TOIS 42, 20): by ranks alone, a chunk that shares one common word with the question
counts as much as one that answers it. Needs numpy and pyarrow. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from data_contracts.errors import ContractError, InputError, IntegrityError
from tasks.models.encoding import Encodes, first_words
from tasks.retrieval.building import CHUNKS, FACTS, VECTORS, Earlier, Facts
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.graph import Graph
from tasks.retrieval.lexical import Words, words_of
from tasks.retrieval.nearest import Compared, Near, ranked

STEP = "search"
DEPTH = 50  # of each list, before they are fused
MEANING = 0.8  # of a fused score; chosen on half of XQuAD and 56 questions of desk_guides
Way = Literal["fused", "meaning", "words"]
Search = Callable[[Facts, Path], Near]  # of what an index says of itself, and its folder
WAYS: tuple[Way, ...] = ("fused", "meaning", "words")


class Hit(NamedTuple):
    """A chunk that was found: its place in the index and what speaks for it.

    `score` is what the list is ranked by; `cosine` and `words` (BM25) are None where that search
    did not name it.
    """

    place: int
    score: float
    cosine: float | None
    words: float | None


class Index:
    """An index that was written, with the encoder that made it."""

    def __init__(self, folder: Path, encoder: Encodes, search: Search | None = None) -> None:
        """Open a folder, searched by `search` instead of by what lies in it.

        IntegrityError if it is no whole index, ContractError if another encoder made it.
        """
        self.facts = read_facts(folder)
        _require_same(self.facts, encoder, folder)
        self._encoder, self._folder = encoder, folder
        self._vectors = _vectors(folder, self.facts)
        self._near: Near = Compared(self._vectors)
        try:
            self._words = Words(folder)
            if self.facts.nodes and search is None:
                self._near = Graph(folder)
            self._table = _table(folder)
        except Exception as error:  # of three libraries, each with its own
            raise _broken(folder, type(error).__name__) from error
        if len(self._table) != self.facts.chunks:
            raise _broken(folder, "the chunk table has another number of rows")
        if search is not None:
            self._near = search(self.facts, folder)

    def chunks(self, places: Sequence[int]) -> list[Chunk]:
        """Return the chunks at these places."""
        import pyarrow as pa

        rows = self._table.take(pa.array(places, pa.int64())).to_pylist()
        return [Chunk(**row)._replace(headings=tuple(row["headings"])) for row in rows]

    def search(self, question: str, most: int = 10, way: Way = "fused") -> list[Hit]:
        """Return the best chunks for a question, best first; InputError if it asks nothing."""
        return self.search_all([question], most)[way][0]

    def search_all(self, questions: Sequence[str], most: int = 10) -> dict[Way, list[list[Hit]]]:
        """Return for each way of searching the best chunks of every question."""
        asked = [_asked(question) for question in questions]
        cut = first_words(self._encoder, questions)
        vectors = self._encoder.encode(cut)
        found: dict[Way, list[list[Hit]]] = {way: [] for way in WAYS}
        for words, vector in zip(asked, vectors, strict=True):
            near = self._nearest(vector, max(DEPTH, most))
            said = self._words.search(words, max(DEPTH, most))
            found["meaning"].append([Hit(p, s, s, None) for p, s in near][:most])
            found["words"].append([Hit(p, s, None, s) for p, s in said][:most])
            found["fused"].append(_fused(near, said)[:most])
        return found

    def word_places(self, text: str, most: int) -> list[int]:
        """Return the places of the chunks that share most of a text's words."""
        return [place for place, _ in self._words.search(words_of(text), most)]

    def earlier(self) -> Earlier:
        """Return what a later build may take over."""
        places: dict[str, tuple[int, int]] = {}
        for place, document in enumerate(self._table["document"].to_pylist()):
            start, _ = places.get(document, (place, place))
            places[document] = (start, place + 1)
        return Earlier(self._vectors, places)

    def _nearest(self, vector: Any, most: int) -> list[tuple[int, float]]:
        return ranked(self._vectors, self._near.near(vector, most), vector, most)


def read_facts(folder: Path) -> Facts:
    """Return what an index says of itself; IntegrityError if it is none."""
    try:
        return Facts.model_validate_json((folder / FACTS).read_bytes())
    except (OSError, ValidationError) as error:
        raise _broken(folder, FACTS) from error


def _asked(question: str) -> list[str]:
    words = words_of(question)
    if not words:
        raise InputError(
            "the question is empty, or has only words that stand in every text",
            step=STEP,
            where="the question",
            remedy="say what you look for, in a word that the documents may hold",
        )
    return words


def _fused(near: list[tuple[int, float]], said: list[tuple[int, float]]) -> list[Hit]:
    cosine, words = dict(near), dict(said)
    # What is in one list alone counts as the last of the other.
    meaning = _spread(cosine, min(cosine.values(), default=0.0))
    shared = _spread(words, 0.0)
    score = {
        place: MEANING * meaning.get(place, 0.0) + (1 - MEANING) * shared.get(place, 0.0)
        for place in {**cosine, **words}
    }
    order = sorted(score, key=lambda place: (-score[place], place))
    return [Hit(place, score[place], cosine.get(place), words.get(place)) for place in order]


def _spread(scores: dict[int, float], least: float) -> dict[int, float]:
    """Return scores so that the list's best has 1, and `least` 0."""
    most = max(scores.values(), default=least)
    if most <= least:
        return dict.fromkeys(scores, 1.0)
    return {place: (score - least) / (most - least) for place, score in scores.items()}


def _require_same(facts: Facts, encoder: Encodes, folder: Path) -> None:
    if (facts.encoder, facts.dimension) == (encoder.digest, encoder.dimension):
        return
    raise ContractError(
        f"the index was made with another encoder ({facts.encoder[:12]}, {facts.dimension} "
        f"numbers; here is {encoder.digest[:12]}, {encoder.dimension})",
        step=STEP,
        where=str(folder),
        remedy="build it again with `paddock index build`: vectors of two encoders do not compare",
    )


def _vectors(folder: Path, facts: Facts) -> Any:
    import numpy as np

    try:
        found = np.load(folder / VECTORS, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _broken(folder, VECTORS) from error
    if found.shape != (facts.chunks, facts.dimension) or found.dtype != np.float32:
        raise _broken(folder, f"{VECTORS} has another shape")
    return found


def _table(folder: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(folder / CHUNKS)


def _broken(folder: Path, what: str) -> IntegrityError:
    return IntegrityError(
        f"this is no whole index ({what})",
        step=STEP,
        where=str(folder),
        remedy="build it again with `paddock index build`, or restore the store from a backup",
    )
