"""How well an index finds the passages that answer questions: recall@k, MRR and nDCG, from ids.

A passage is looked up in the index first: the ids of the chunks that hold it, or lie within it.
Then only ids are compared. A passage that stands in no chunk cannot be found and counts as missed.

recall@k is the share of a question's passages of which a chunk is among the first k. MRR is 1 / the
rank of the first that is, 0 beyond 10 (Voorhees (1999), TREC-8). nDCG@10 has gain 1 for each
passage, at the first of its chunks (Jarvelin and Kekalainen (2002), ACM TOIS 20, 422-446). Writes
a scorecard and a table of cases to the folder it is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval_sets.retrieval.loading import RetrievalCase, RetrievalSet
from model_registry.scorecard import SHARE, Estimate, EvalSetUsed, MetricResult, Role, Scorecard
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.index import WAYS, Hit, Index, Way

AT = (1, 3, 5, 10)
PREFIX = "retrieval"
SCORECARD, SCORECARD_PAGE, CASES = "scorecard.json", "scorecard.md", "cases.jsonl"
_DEEPEST = max(AT)
_CANDIDATES = 200  # chunks that share most words with a passage: one that holds it is among them
_LEAST_WORDS = 5  # of a chunk that counts for lying within a passage
_LOWEST = 0.05  # of the answerable questions' best cosines; below it a question is told apart

# Of tasks/evaluation, which a stage may not import: (scores, seed, key) and a scorecard's page.
Estimates = Callable[[Sequence[float], int, str], Estimate]
Differences = Callable[[Sequence[float], Sequence[float], int, str], Estimate]
Page = Callable[[Scorecard], str]


class Found(NamedTuple):
    """What was found for a case: for each passage the ids that count, and the ranked ids."""

    case: RetrievalCase
    gold: list[set[str]]
    stale: list[set[str]]
    ranked: dict[Way, list[str]]
    best: float  # cosine of the nearest chunk


def evaluate_indexes(
    indexes: Mapping[Role, tuple[str, Index]],
    chosen: RetrievalSet,
    folder: Path,
    *,
    seed: int,
    resamples: int,
    estimate: Estimates,
    difference: Differences,
    page: Page,
) -> Scorecard:
    """Ask every index all questions of a set, and write what was found and the scorecard.

    `indexes` gives each by its role, the candidate first, with its digest.
    """
    found: dict[Role, list[Found]] = {
        role: find_all(index, chosen.cases) for role, (_, index) in indexes.items()
    }
    told: dict[Role, dict[str, list[float]]] = {
        role: figures(every) for role, every in found.items()
    }
    scorecard = Scorecard(
        models={role: digest for role, (digest, _) in indexes.items()},
        eval_sets={
            chosen.card.name: EvalSetUsed(
                version=chosen.card.version, digest=chosen.digest, cases=len(chosen.cases)
            )
        },
        metrics={
            key: MetricResult(
                key=key,
                unit=SHARE,
                higher_is_better=True,
                scores=_estimates(told, key, seed, estimate),
                differences={
                    f"candidate-{role}": difference(scores, told[role][key], seed, key)
                    for role in told
                    if role != "candidate"
                },
            )
            for key, scores in told["candidate"].items()
        },
        seed=seed,
        resamples=resamples,
        notes=_notes(found["candidate"]),
    )
    (folder / SCORECARD).write_text(scorecard.model_dump_json(indent=1), encoding="utf-8")
    (folder / SCORECARD_PAGE).write_text(page(scorecard), encoding="utf-8")
    lines = (json.dumps(_line(one), ensure_ascii=False) for one in found["candidate"])
    (folder / CASES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return scorecard


def _estimates(
    told: Mapping[Role, Mapping[str, list[float]]], key: str, seed: int, estimate: Estimates
) -> dict[Role, Estimate]:
    return {role: estimate(figures_of[key], seed, key) for role, figures_of in told.items()}


def find_all(index: Index, cases: Sequence[RetrievalCase]) -> list[Found]:
    """Return what the index finds for every case."""
    hits = index.search_all([case.question for case in cases], _DEEPEST)
    ids = ChunkIds(index)
    found: list[Found] = []
    for number, case in enumerate(cases):
        ranked: dict[Way, list[str]] = {way: ids.of(hits[way][number]) for way in WAYS}
        near = hits["meaning"][number]
        found.append(
            Found(
                case,
                [ids.holding(passage) for passage in case.gold],
                [ids.holding(passage) for passage in case.stale],
                ranked,
                near[0].score if near else 0.0,
            )
        )
    return found


def figures(found: Sequence[Found]) -> dict[str, list[float]]:
    """Return every figure's scores, one a case that it is about."""
    answerable = [one for one in found if one.case.gold]
    told: dict[str, list[float]] = {}
    for way in WAYS:
        at = "" if way == "fused" else f"{way}_"
        for k in AT:
            told[f"{PREFIX}/{at}recall_at_{k}"] = [
                recall(one.ranked[way], one.gold, k) for one in answerable
            ]
    fused = [(one.ranked["fused"], one.gold) for one in answerable]
    told[f"{PREFIX}/mrr"] = [reciprocal_rank(ids, gold) for ids, gold in fused]
    told[f"{PREFIX}/ndcg_at_10"] = [gain(ids, gold) for ids, gold in fused]
    for kind in dict.fromkeys(one.case.kind for one in answerable):
        told[f"{PREFIX}/recall_at_5_{kind}"] = [
            recall(one.ranked["fused"], one.gold, 5) for one in answerable if one.case.kind == kind
        ]
    if fresh := [one for one in found if one.case.kind == "fresh"]:
        told[f"{PREFIX}/fresh_before_stale"] = [_fresh_first(one) for one in fresh]
    if unanswerable := [one.best for one in found if not one.case.gold]:
        limit = _low_quantile([one.best for one in answerable])
        told[f"{PREFIX}/unanswerable_told_apart"] = [float(best < limit) for best in unanswerable]
    return told


def recall(ranked: Sequence[str], gold: Sequence[set[str]], k: int) -> float:
    """Return the share of the passages of which a chunk is among the first k."""
    first = set(ranked[:k])
    return sum(bool(first & ids) for ids in gold) / len(gold)


def reciprocal_rank(ranked: Sequence[str], gold: Sequence[set[str]]) -> float:
    """Return 1 / the rank of the first chunk of any passage; 0 if none is there."""
    every = set[str]().union(*gold)
    return next((1 / rank for rank, one in enumerate(ranked, start=1) if one in every), 0.0)


def gain(ranked: Sequence[str], gold: Sequence[set[str]]) -> float:
    """Return nDCG: each passage counts once, at the first rank that one of its chunks has."""
    ranks = sorted(
        rank
        for ids in gold
        if (rank := next((r for r, one in enumerate(ranked, start=1) if one in ids), 0))
    )
    # Two passages in one chunk are found at the same rank.
    best = sum(1 / math.log2(rank + 1) for rank in _best_ranks(gold))
    return min(1.0, sum(1 / math.log2(rank + 1) for rank in ranks) / best)


def _best_ranks(gold: Sequence[set[str]]) -> list[int]:
    """Return the ranks that passages have at best: those that share a chunk have the same."""
    ranks: list[int] = []
    seen: list[set[str]] = []
    for ids in gold:
        same = next((rank for rank, others in enumerate(seen, start=1) if others & ids), 0)
        if not same:
            seen.append(ids)
        ranks.append(same or len(seen))
    return ranks


def _fresh_first(one: Found) -> float:
    def rank(passages: Sequence[set[str]]) -> int:
        every = set[str]().union(*passages)
        ranked = one.ranked["fused"]
        return next((r for r, chunk in enumerate(ranked) if chunk in every), _DEEPEST)

    return float(rank(one.gold) < rank(one.stale))


def _low_quantile(best: list[float]) -> float:
    return sorted(best)[int(_LOWEST * len(best))] if best else 0.0


class ChunkIds:
    """The chunk ids of an index, by place, and those that hold a passage."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def of(self, hits: Sequence[Hit]) -> list[str]:
        """Return the ids of what was found."""
        return [chunk.id for chunk in self._index.chunks([hit.place for hit in hits])]

    def holding(self, passage: str) -> set[str]:
        """Return the ids of the chunks that hold a passage, or lie within it."""
        return {chunk.id for chunk in self.chunks_holding(passage)}

    def chunks_holding(self, passage: str) -> list[Chunk]:
        """Return the chunks that hold a passage, or lie within it, that with most words first."""
        wanted = _plain(passage)
        places = self._index.word_places(passage, _CANDIDATES)
        return [
            chunk
            for chunk in self._index.chunks(places)
            if wanted in (text := _plain(chunk.text))
            or (text in wanted and len(text.split()) >= _LEAST_WORDS)
        ]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _notes(found: Sequence[Found]) -> tuple[str, ...]:
    lost = [one.case.id for one in found if not all(one.gold)]
    if not lost:
        return ()
    some = ", ".join(lost[:10])
    return (
        f"{len(lost)} cases have a passage that stands in no chunk of the index, which counts as "
        f"missed: {some}{' and more' if len(lost) > 10 else ''}. Are these the documents that the "
        "set is about, and was a word of them redacted?",
    )


def _line(one: Found) -> dict[str, Any]:
    return {
        "id": one.case.id,
        "kind": one.case.kind,
        "gold": [sorted(ids) for ids in one.gold],
        **{way: one.ranked[way] for way in WAYS},
        "best_cosine": round(one.best, 4),
    }
