"""A graph of vectors that is searched in place of all of them, where those are very many.

HNSW (Malkov and Yashunin (2018), arXiv:1603.09320) as faiss builds it. Equal vectors are one node:
where one vector is a third of the rows, some of the others cannot be found any more, however wide
the search (findings/faiss_hnsw_equal_vectors_hide_others.sh). Which nodes do not find themselves
is looked at before the graph is kept, and those are compared with every question beside it. Needs
faiss and numpy; writes the folder it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_contracts.errors import ContractError

STEP = "index"
GRAPH, MEMBERS = "graph.faiss", "members.npz"
NEIGHBOURS, BUILD_WIDTH, SEARCH_WIDTH = 32, 80, 96
LEAST_FOUND = 0.95  # of the nodes, by a search for themselves; of 200,000 in clusters 99.7 % are
_AT_ONCE = 4096


def write_graph(vectors: Any, folder: Path) -> int:
    """Write the graph of unit vectors, float32 [n, d]; return its nodes.

    One thread builds it, so that the same vectors give the same bytes. ContractError if more than
    one node in twenty does not find itself.
    """
    import faiss
    import numpy as np

    numbers: dict[bytes, int] = {}
    node_of = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in vectors])
    order = np.argsort(node_of, kind="stable")
    starts = np.searchsorted(node_of[order], np.arange(len(numbers) + 1))
    distinct = np.ascontiguousarray(vectors[order[starts[:-1]]])
    faiss.omp_set_num_threads(1)
    graph: Any = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = BUILD_WIDTH
    graph.add(distinct)
    graph.hnsw.efSearch = SEARCH_WIDTH
    lost: list[Any] = []
    for start in range(0, len(distinct), _AT_ONCE):
        _, nearest = graph.search(distinct[start : start + _AT_ONCE], 1)
        own = np.arange(start, start + len(nearest))
        lost.append(own[nearest[:, 0] != own])
    alone = np.concatenate(lost)
    if len(alone) > (1 - LEAST_FOUND) * len(distinct):
        raise ContractError(
            f"{len(alone):,} of {len(distinct):,} vectors do not find themselves",
            step=STEP,
            where="the graph of vectors",
            remedy="raise --exact-up-to above the number of chunks: all of them are then compared",
        )
    faiss.write_index(graph, str(folder / GRAPH))
    np.savez(folder / MEMBERS, order=order, starts=starts, alone=alone)
    return len(distinct)


class Members:
    """Which places each node of a graph stands for."""

    def __init__(self, folder: Path) -> None:
        """Load it; what a missing file raises is the caller's to explain."""
        import numpy as np

        members = np.load(folder / MEMBERS)
        self._order, self._starts = members["order"], members["starts"]
        self.alone = members["alone"]  # nodes that faiss' graph does not lead to

    def places(self, nodes: Any) -> Any:
        """Return the places of nodes (int64)."""
        import numpy as np

        parts = [self._order[self._starts[node] : self._starts[node + 1]] for node in nodes]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def first_places(self) -> Any:
        """Return one place of each node, in the nodes' order."""
        return self._order[self._starts[:-1]]


class Graph:
    """A graph that was written."""

    def __init__(self, folder: Path) -> None:
        """Load it; what a missing file raises is the caller's to explain."""
        import faiss

        self._graph: Any = faiss.read_index(str(folder / GRAPH))
        self._members = Members(folder)
        self._vectors = self._graph.reconstruct_batch(self._members.alone)

    def near(self, vector: Any, most: int) -> Any:
        """Return the places of the nearest vectors that it finds, equal ones all named."""
        self._graph.hnsw.efSearch = max(SEARCH_WIDTH, 2 * most)
        _, nodes = self._graph.search(vector[None, :], most)
        beside = (-(self._vectors @ vector)).argsort(kind="stable")[:most]
        return self._members.places(
            {*nodes[nodes >= 0].tolist(), *self._members.alone[beside].tolist()}
        )
