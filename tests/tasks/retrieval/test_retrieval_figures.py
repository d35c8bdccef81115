"""recall@k, MRR and nDCG are what their formulas say, from ids; passages are found in chunks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from eval_sets.retrieval.loading import RetrievalCase, load_retrieval_set
from model_registry.gates import judge
from model_registry.policy import load_policy
from tasks.evaluation.intervals import RESAMPLES, mean_difference, mean_estimate
from tasks.evaluation.report import markdown
from tasks.models.encoding import Encoder
from tasks.retrieval.evaluating import (
    evaluate_indexes,
    find_all,
    gain,
    recall,
    reciprocal_rank,
)
from tasks.retrieval.index import Index

RANKED = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("gold", "k", "share"),
    [([{"a"}], 1, 1.0), ([{"b"}], 1, 0.0), ([{"b"}, {"z"}], 3, 0.5), ([{"c", "z"}], 3, 1.0)],
)
def test_recall_is_the_share_of_passages(gold: list[set[str]], k: int, share: float) -> None:
    assert recall(RANKED, gold, k) == share


def test_rank_and_gain() -> None:
    assert reciprocal_rank(RANKED, [{"c"}, {"d"}]) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, [{"z"}]) == 0
    assert gain(RANKED, [{"a"}, {"b"}]) == 1
    assert gain(RANKED, [{"a"}, {"a"}]) == 1  # both in the first chunk
    assert gain(RANKED, [{"b"}]) == pytest.approx(1 / math.log2(3))
    assert gain(RANKED, [{"z"}]) == 0


def test_the_shipped_set_is_found_as_its_page_says(
    built: Path, encoder: Encoder, tmp_path: Path
) -> None:
    chosen = load_retrieval_set("desk_guides")
    index = Index(built, encoder)
    scorecard = evaluate_indexes(
        {"candidate": ("d" * 64, index), "champion": ("e" * 64, index)},
        chosen,
        tmp_path,
        seed=7,
        resamples=RESAMPLES,
        estimate=lambda scores, seed, key: mean_estimate(scores, seed=seed, key=key),
        difference=lambda one, other, seed, key: mean_difference(one, other, seed=seed, key=key),
        page=markdown,
    )
    found = {key: metric.scores["candidate"] for key, metric in scorecard.metrics.items()}
    at_5 = found["retrieval/recall_at_5"]
    assert (at_5.n, found["retrieval/recall_at_5_multi_hop"].n) == (208, 10)
    assert at_5.value is not None
    same = scorecard.metrics["retrieval/recall_at_5"].differences["candidate-champion"]
    assert (same.value, same.n) == (0, 208)
    assert at_5.value > 0.93
    assert not scorecard.notes  # every passage stands in a chunk
    verdict = judge(load_policy("retrieval"), scorecard)
    assert verdict.passed  # enough questions, and found
    for way in ("meaning", "words"):  # together they find what either misses
        alone = found[f"retrieval/{way}_recall_at_5"].value
        assert alone is not None and alone < at_5.value
    lines = (tmp_path / "cases.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == {case.id for case in chosen.cases}


def test_a_passage_in_no_chunk_counts_as_missed(built: Path, encoder: Encoder) -> None:
    case = RetrievalCase(
        id="x", question="What is the warranty?", gold=("Not in any guide at all",)
    )
    (found,) = find_all(Index(built, encoder), [case])
    assert found.gold == [set()]
    assert recall(found.ranked["fused"], found.gold, 10) == 0


def test_an_index_without_figures_passes_no_gate(built: Path) -> None:
    del built
    from model_registry.scorecard import Scorecard

    empty = Scorecard(models={"candidate": "x"}, eval_sets={}, metrics={}, seed=7, resamples=1)
    assert not judge(load_policy("retrieval"), empty).passed


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": "a", "question": "q"}', "gold passages belong to all cases"),
        ('{"id": "a", "question": "q", "kind": "fresh", "gold": ["g"]}', "stale passages"),
        ('{"id": "a", "question": "SECRET", "gold": 3}', "does not fit: gold"),
        ("", "no cases"),
    ],
)
def test_a_set_that_does_not_fit_is_refused(tmp_path: Path, line: str, why: str) -> None:
    card = load_retrieval_set("desk_guides").folder / "card.toml"
    (tmp_path / "card.toml").write_bytes(card.read_bytes())
    (tmp_path / "cases.jsonl").write_text(line)
    with pytest.raises(InputError, match=why) as refused:
        load_retrieval_set(str(tmp_path))
    assert "SECRET" not in str(refused.value)


def test_a_set_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(InputError, match="choose from desk_guides"):
        load_retrieval_set("no_such_set")
