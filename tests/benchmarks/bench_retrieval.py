"""`make bench-retrieval`: what an index finds, and how fast it is made and searched.

Needs the shared data beside the checkout. Finding: XQuAD's 240 English paragraphs and 1,190
questions, the three ways of searching, and the shipped set. Making: the encoder beside
transformers' own forward pass in padded batches of 32 in the order in which chunks come.
Searching: vectors like the paragraphs', as many as are asked for, beside faiss alone: its flat
index and its graph. Ratios are of one run on one machine. Exit code 1 if a figure misses its limit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval_sets.retrieval.loading import (
    DOCUMENTS,
    RetrievalCard,
    RetrievalCase,
    RetrievalSet,
    load_retrieval_set,
)
from tasks.evaluation.intervals import mean_estimate
from tasks.models.embedding import packaged_minilm
from tasks.models.encoding import Encoder
from tasks.retrieval.building import Asked, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.evaluating import AT, PREFIX, figures, find_all
from tasks.retrieval.graph import Graph, write_graph
from tasks.retrieval.index import WAYS, Index
from tasks.retrieval.nearest import Compared, Near, ranked
from tests.benchmarks.limits import Limits
from tests.documents import write_documents

SEED = 7
XQUAD = Path(__file__).resolve().parents[3] / "shared/data/xquad/xquad.en.json"
FUSED_AT_5 = 0.985  # of XQuAD
FARTHEST = 1e-3  # between two encoders' vectors
QUERIES = 200


def xquad(path: Path) -> tuple[dict[str, str], RetrievalSet]:
    """Return the paragraphs by number, and the questions, each with its paragraph."""
    data = json.loads(path.read_text())["data"]
    paragraphs = [entry for article in data for entry in article["paragraphs"]]
    cases = [
        RetrievalCase(id=asked["id"], question=asked["question"], gold=(entry["context"],))
        for entry in paragraphs
        for asked in entry["qas"]
    ]
    card = RetrievalCard(
        name="xquad",
        version="1.0.0",
        purpose="Which paragraph answers?",
        provenance="XQuAD",
        licence="CC-BY-SA-4.0",
        gates="none",
    )
    texts = {f"{number:04d}": entry["context"] for number, entry in enumerate(paragraphs)}
    return texts, RetrievalSet(card=card, cases=tuple(cases), digest="", folder=path.parent)


def finding(
    name: str, texts: dict[str, str], chosen: RetrievalSet, folder: Path, encoder: Encoder
) -> tuple[Index, float]:
    """Print what an index of texts finds; return it, and the fused recall@5."""
    snapshot, place = write_documents(folder / f"{name}-rows", texts), folder / name
    place.mkdir()
    started = time.perf_counter()
    counts = write_index(snapshot, Asked("0" * 64, Chunking()), encoder, place)
    built = time.perf_counter()
    index = Index(place, encoder)
    told = figures(find_all(index, chosen.cases))
    searched = time.perf_counter()
    print(
        f"\n{name}: {counts['documents']} documents in {counts['chunks']} chunks "
        f"({counts['tokens']:,} tokens), {built - started:.1f} s to build; "
        f"{len(chosen.cases)} questions in {searched - built:.1f} s"
    )
    print(f"  {'recall@':10s}" + "".join(f"{k:>22d}" for k in AT))
    for way in WAYS:
        at = "" if way == "fused" else f"{way}_"
        cells = [shown(told[f"{PREFIX}/{at}recall_at_{k}"]) for k in AT]
        print(f"  {way:10s}" + "".join(f"{cell:>22s}" for cell in cells))
    for key in (one for one in told if "recall_at" not in one or one.count("_") > 2):
        if key.split("/")[1].split("_")[0] not in WAYS:
            print(f"  {key:38s} {shown(told[key])} n = {len(told[key])}")
    five = told[f"{PREFIX}/recall_at_5"]
    return index, sum(five) / len(five)


def shown(scores: list[float]) -> str:
    """Return a mean with its 95% interval, in percent."""
    found = mean_estimate(scores, seed=SEED, key="bench")
    low, high = (100 * (end or 0.0) for end in (found.low, found.high))
    return f"{100 * (found.value or 0.0):.1f} [{low:.1f}, {high:.1f}]"


def making(index: Index, encoder: Encoder, most: int) -> tuple[float, float]:
    """Encode chunks in both ways; return how often faster ours is, and how far vectors part."""
    import numpy as np

    chunks = index.chunks(range(min(most, index.facts.chunks)))
    documents: dict[str, list[str]] = {}
    for chunk in chunks:
        documents.setdefault(chunk.document, []).append(chunk.encoded)
    texts = [chunk.encoded for chunk in chunks]
    padded = padded_batches()
    padded(texts[:8])  # both are loaded before the clock runs
    encoder.encode(texts[:8])
    theirs, theirs_took = timed(lambda: padded(texts))
    ours, ours_took = timed(
        lambda: np.concatenate([encoder.encode(parts) for parts in documents.values()])
    )
    short = [" ".join(text.split()[: 3 + 11 * number % 40]) for number, text in enumerate(texts)]
    _, theirs_mixed = timed(lambda: padded(short))
    _, ours_mixed = timed(lambda: encoder.encode(short))
    apart = float(np.abs(theirs - ours).max())
    print(
        f"\nencoding {len(texts)} chunks: {ours_took:.1f} s, transformers padded "
        f"{theirs_took:.1f} s: {theirs_took / ours_took:.2f} x; vectors at most {apart:.1e} apart"
        f"\n  the same cut to 3 to 42 words, encoded together: {ours_mixed:.1f} s, "
        f"{theirs_mixed:.1f} s: {theirs_mixed / ours_mixed:.2f} x"
    )
    return theirs_took / ours_took, apart


def padded_batches(size: int = 32) -> Callable[[list[str]], Any]:
    """Return the plain way: batches as texts come, each padded to its longest."""
    import numpy as np
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(packaged_minilm(), local_files_only=True)
    model: Any = AutoModel.from_pretrained(packaged_minilm(), local_files_only=True).eval()

    def encode(texts: list[str]) -> Any:
        found: list[Any] = []
        for start in range(0, len(texts), size):
            batch = tokenizer(
                texts[start : start + size],
                padding=True,
                truncation=True,
                max_length=128,
                return_tensors="pt",
            )
            with torch.inference_mode():
                states = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).float()
            means = (states * mask).sum(1) / mask.sum(1)
            found.append(torch.nn.functional.normalize(means, dim=1).numpy())
        return np.concatenate(found)

    return encode


def searching(base: Any, size: int, folder: Path, *, graph: bool) -> None:
    """Print how long a question takes among so many vectors, beside faiss alone."""
    import faiss
    import numpy as np

    random = np.random.default_rng(SEED)
    vectors = np.empty((size, base.shape[1]), dtype=np.float32)
    for start in range(0, size, 10_000):
        some = base[random.integers(0, len(base), min(10_000, size - start))]
        noise = random.normal(size=some.shape).astype(np.float32) * 0.03
        part = some + noise
        vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    asked = vectors[random.integers(0, size, QUERIES)]
    faiss.omp_set_num_threads(1)

    def places(search: Near, vector: Any) -> list[int]:
        return [place for place, _ in ranked(vectors, search.near(vector, 50), vector, 50)]

    compared = Compared(vectors)
    ours, ours_took = timed(lambda: [places(compared, one) for one in asked])
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)  # pyright: ignore[reportCallIssue]
    theirs, flat_took = timed(lambda: [flat.search(one[None], 50)[1][0] for one in asked])  # pyright: ignore[reportCallIssue]
    same = np.mean([len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(ours, theirs, strict=True)])
    print(
        f"\nsearching {size:,} vectors, {vectors.nbytes / 2**20:.0f} MiB: all compared "
        f"{1000 * ours_took / QUERIES:.2f} ms a question, faiss flat "
        f"{1000 * flat_took / QUERIES:.2f} ms ({ours_took / flat_took:.2f} x the time, 1.00 x the "
        f"memory); {100 * same:.1f} % of the first ten are the same"
    )
    if not graph:
        return
    place = folder / "graph"
    place.mkdir()
    nodes, build_took = timed(lambda: write_graph(vectors, place))
    opened = Graph(place)
    alone: Any = faiss.read_index(str(place / "graph.faiss"))
    alone.hnsw.efSearch = 100
    found, graph_took = timed(lambda: [places(opened, one) for one in asked])
    _, alone_took = timed(lambda: [alone.search(one[None], 50) for one in asked])
    near = np.mean(
        [len(set(a[:10]) & set(b[:10].tolist())) / 10 for a, b in zip(found, theirs, strict=True)]
    )
    size_here = sum(path.stat().st_size for path in place.iterdir())
    print(
        f"  graph of {nodes:,}: {build_took:.0f} s to build and check on one core, "
        f"{1000 * graph_took / QUERIES:.2f} ms a question, faiss HNSW alone "
        f"{1000 * alone_took / QUERIES:.2f} ms ({graph_took / alone_took:.2f} x the time, "
        f"{size_here / (place / 'graph.faiss').stat().st_size:.2f} x the bytes); recall@10 of "
        f"comparing all: {100 * near:.1f} %"
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work returns, and its seconds."""
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


def main() -> int:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xquad", type=Path, default=XQUAD)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--encoded", type=int, default=200)
    parser.add_argument("--no-graph", action="store_true")
    given = parser.parse_args()
    encoder, limits = Encoder(), Limits()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as scratch:
        folder = Path(scratch)
        guides = load_retrieval_set("desk_guides")
        lines = (guides.folder / DOCUMENTS).read_text().splitlines()
        texts = {f"{number:02d}": json.loads(line)["text"] for number, line in enumerate(lines)}
        finding("desk_guides", texts, guides, folder, encoder)
        index, at_5 = finding("xquad", *xquad(given.xquad), folder, encoder)
        limits.at_least("fused recall@5 of XQuAD", at_5, FUSED_AT_5)
        _, apart = making(index, encoder, given.encoded)
        limits.at_most("vectors apart", apart, FARTHEST)
        searching(index.earlier().vectors, given.vectors, folder, graph=not given.no_graph)
    return limits.exit_code()


if __name__ == "__main__":
    raise SystemExit(main())
