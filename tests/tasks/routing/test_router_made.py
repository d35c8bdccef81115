"""A router learns what the small model can do, and sends nothing where it is not sure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts.errors import InputError, IntegrityError
from flows.routers.judging import STATISTICS, described, difference_of
from model_registry.gates import judge
from model_registry.policy import load_policy
from model_registry.scorecard import Scorecard
from tasks.evaluation.report import markdown
from tasks.routing.building import Asked, build_router
from tasks.routing.curve import Prices
from tasks.routing.deciding import LARGE, Decider
from tasks.routing.evaluating import CASES, CURVE, CURVE_PLOT, evaluate_router
from tasks.routing.model import FILE, Router, Side, features_of, read_router
from tasks.routing.pairs import Pair
from tests.tasks.routing.length_router import length_router
from tests.tasks.routing.made_pairs import made_pairs
from tests.tasks.routing.word_encoder import WordEncoder

SMALL, BIG = (Side(name=name, version=1, digest=name * 8) for name in ("tiny", "desk"))
ENCODER = WordEncoder()


def build(pairs: list[Pair], folder: Path, ratio: float = 4.0) -> Router:
    asked = Asked(small=SMALL, large=BIG, prices=Prices(small=1, large=ratio), points=1.0)
    folder.mkdir(parents=True, exist_ok=True)
    counts = build_router(pairs, asked, ENCODER, folder, seed=7, difference=difference_of)
    assert counts["pairs"] == sum(counts[part] for part in ("learn", "held"))
    return read_router(folder)


def evaluate(pairs: list[Pair], router: Router, folder: Path, **other: Router) -> Scorecard:
    folder.mkdir(exist_ok=True)
    judged = {"candidate": ("c", router)} | {role: ("o", one) for role, one in other.items()}
    return evaluate_router(
        pairs,
        judged,  # pyright: ignore[reportArgumentType]
        ENCODER,
        {},
        folder,
        seed=7,
        statistics=STATISTICS,
        page=markdown,
    )


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return made_pairs(900)


@pytest.fixture(scope="module")
def router(pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Router:
    return build(pairs, tmp_path_factory.mktemp("router"))


def test_it_sends_what_the_small_model_can_do_and_passes(
    pairs: list[Pair], router: Router, tmp_path: Path
) -> None:
    scorecard = evaluate(pairs, router, tmp_path / "judged", champion=router)
    assert router.threshold is not None
    saved = scorecard.metrics["routing/saved"]
    assert saved.scores["candidate"].value == pytest.approx(router.held.saved)
    assert router.held.saved > 0.35  # of .45 that the easy requests would
    assert saved.differences["candidate-champion"].value == 0
    assert (scorecard.metrics["routing/quality_lost"].scores["candidate"].value or 0) <= 0.01
    gained = scorecard.metrics["routing/area_over_length"].scores["candidate"]
    assert gained.low is not None and gained.low > 0.05
    verdict = judge(load_policy("routing"), scorecard)
    assert [one.gate.id for one in verdict.gates if not one.passed] in (
        [],
        ["saves no less than what serves"],  # of two that are the same nothing varies
    )
    cases = [json.loads(line) for line in (tmp_path / "judged" / CASES).read_text().splitlines()]
    assert len(cases) == router.held.asked
    assert sum(case["to"] == "small" for case in cases) == router.held.small
    assert not any(pair.question in (tmp_path / "judged" / CASES).read_text() for pair in pairs)
    assert (tmp_path / "judged" / CURVE_PLOT).read_bytes().startswith(b"\x89PNG")
    drawn = json.loads((tmp_path / "judged" / CURVE).read_text())
    assert drawn["router"]["saved"][-1] == pytest.approx(1)
    assert "tiny/1" in described(router)


def test_the_same_pairs_are_the_same_router(
    pairs: list[Pair], router: Router, tmp_path: Path
) -> None:
    build(pairs, tmp_path / "again")
    assert read_router(tmp_path / "again") == router
    file = tmp_path / "again" / FILE
    file.write_text(file.read_text().replace('"bias": ', '"bias": 1e999, "x": ', 1))
    with pytest.raises(InputError, match="this is no router"):
        read_router(tmp_path / "again")


def test_where_the_small_model_knows_nothing_everything_goes_to_the_large(tmp_path: Path) -> None:
    pairs = [one.model_copy(update={"small": 0.0, "large": 1.0}) for one in made_pairs(400)]
    router = build(pairs, tmp_path / "none")
    assert router.threshold is None and router.held.small == 0
    scorecard = evaluate(pairs, router, tmp_path / "judged")
    assert any("Everything goes to the large model" in note for note in scorecard.notes)
    verdict = judge(load_policy("routing"), scorecard)
    assert not verdict.passed
    assert "everything goes to the large model" in described(router)
    decider = Decider(router, ENCODER, 1.0)
    assert decider.decide(b'{"messages": [{"role": "user", "content": "Hi"}]}') == LARGE


def test_where_the_small_model_costs_as_much_its_areas_are_withheld(tmp_path: Path) -> None:
    pairs = made_pairs(300)
    router = build(pairs, tmp_path / "dear", ratio=1.0)
    metric = evaluate(pairs, router, tmp_path / "judged").metrics["routing/area_over_random"]
    assert "cost no less" in metric.withheld


def test_it_is_not_asked_with_another_encoder() -> None:
    other = length_router(ENCODER).model_copy(update={"encoder": "f" * 64})
    with pytest.raises(IntegrityError, match="another encoder"):
        Decider(other, ENCODER, 1.0)
    features = features_of(ENCODER, ["word " * 500, "word " * 200], [1, 50])
    assert features[0, :-2].tolist() == features[1, :-2].tolist()  # the first tokens alone
    assert features[1, -1] == 20
