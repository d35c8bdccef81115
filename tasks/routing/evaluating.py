"""How a router fares on requests that nothing of it was chosen on: the scorecard and the curve.

Needs the pairs, the router and the encoder. Writes scorecard.json, scorecard.md, curve.png,
curve.json (points of each curve) and cases.jsonl (of each held-out request where it would go, with
no text). Intervals hold 95%: of what is lost those of a scorecard's paired differences, of the
rest the bootstrap's over groups of requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from model_registry.scorecard import (
    SHARE,
    Estimate,
    EvalSetUsed,
    MetricResult,
    Role,
    Scorecard,
    Unit,
)
from tasks.models.encoding import Encodes
from tasks.routing.building import Part, laid_out
from tasks.routing.curve import (
    Columns,
    Curve,
    curve,
    over_random,
    routed,
    saved_share,
    shortest_first,
)
from tasks.routing.model import Router
from tasks.routing.page import draw
from tasks.routing.pairs import Pair, parted

PREFIX = "routing"
SCORECARD, SCORECARD_PAGE, CASES = "scorecard.json", "scorecard.md", "cases.jsonl"
CURVE, CURVE_PLOT = "curve.json", "curve.png"
POINTS = Unit(name="points", low=-1.0, high=1.0, scale=100.0, digits=2, mark=" points")
SAVED = Unit(name="share of cost", scale=100.0, digits=1, mark="%")
Draws = Callable[[int, str], Iterator[Any]]
Tail = Callable[[int], float]


class Statistics(NamedTuple):
    """How figures get their intervals: as in every evaluation.

    `draws` yields, for so many things and a figure's name, how often each resample draws each
    thing; `tail` is the share of resamples left out at either end.
    """

    estimate: Callable[[Sequence[float], str], Estimate]
    difference: Callable[[Sequence[float], Sequence[float], str], Estimate]
    draws: Draws
    tail: Tail
    resamples: int

    def over_groups(self, group: Any, value: float, key: str, of: Callable[[Any], Any]) -> Estimate:
        """Return a figure with its interval; `of` computes it for weights [draws, requests]."""
        import numpy as np

        groups = int(group.max()) + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.concatenate([of(times[:, group]) for times in self.draws(groups, key)])
        left = self.tail(groups)
        low, high = np.quantile(found[np.isfinite(found)], [left, 1 - left])
        return Estimate(value=value, low=float(low), high=float(high), n=len(group))


class Seen(NamedTuple):
    """What a router does with the held-out requests."""

    scores: Any
    sent: Any


def evaluate_router(
    pairs: Sequence[Pair],
    routers: Mapping[Role, tuple[str, Router]],
    encoder: Encodes,
    sets: Mapping[str, EvalSetUsed],
    folder: Path,
    *,
    seed: int,
    statistics: Statistics,
    page: Callable[[Scorecard], str],
    remarks: Sequence[str] = (),
) -> Scorecard:
    """Judge the candidate on the held-out requests, beside the champion where there is one."""
    router = routers["candidate"][1]
    held = laid_out(parted(pairs)["held"], encoder, router.prices)
    seen: dict[Role, Seen] = {role: _seen(one, held) for role, (_, one) in routers.items()}
    metrics = [*_figures(held, seen, statistics), *_areas(held, seen["candidate"], statistics)]
    metrics += _by_set(held, seen["candidate"], statistics)
    curves = _curves(held, seen["candidate"])
    scorecard = Scorecard(
        models={role: digest for role, (digest, _) in routers.items()},
        eval_sets=dict(sets),
        metrics={metric.key: metric for metric in metrics},
        seed=seed,
        resamples=statistics.resamples,
        notes=(*_notes(router, held, metrics), *remarks),
    )
    (folder / SCORECARD).write_text(scorecard.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / SCORECARD_PAGE).write_text(page(scorecard), encoding="utf-8")
    told = {
        name: {"saved": one.saved.tolist(), "quality": one.quality.tolist()}
        for name, one in curves.items()
    }
    (folder / CURVE).write_text(json.dumps(told) + "\n", encoding="utf-8")
    place = _place(held.columns, seen["candidate"].sent, curves["router"])
    draw(curves, place, _ratio(held.columns), folder / CURVE_PLOT)
    lines = (json.dumps(one) for one in _cases(held, seen["candidate"]))
    (folder / CASES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return scorecard


def _seen(router: Router, held: Part) -> Seen:
    scores = router.scores(held.features)
    return Seen(scores, router.sends(scores))


def _figures(held: Part, seen: Mapping[Role, Seen], how: Statistics) -> list[MetricResult]:
    """Return what is saved and lost, of the router and, paired, of the one that serves."""
    columns = held.columns
    right: dict[Role, list[float]] = {
        role: routed(columns, one.sent).tolist() for role, one in seen.items()
    }
    large = columns.large.tolist()
    alone: dict[str, list[float]] = {"large": large, "small": columns.small.tolist()}
    lost, saved, quality = (f"{PREFIX}/{name}" for name in ("quality_lost", "saved", "quality"))
    found = [
        MetricResult(
            key=quality,
            unit=SHARE,
            higher_is_better=True,
            scores={role: how.estimate(scores, quality) for role, scores in right.items()},
            differences={
                f"candidate-{role}": how.difference(right["candidate"], scores, quality)
                for role, scores in right.items()
                if role != "candidate"
            },
        ),
        MetricResult(
            key=lost,
            unit=POINTS,
            higher_is_better=False,
            scores={role: how.difference(large, scores, lost) for role, scores in right.items()},
        ),
        MetricResult(
            key=saved,
            unit=SAVED,
            higher_is_better=True,
            scores={role: _saved(columns, one.sent, saved, how) for role, one in seen.items()},
            differences={
                f"candidate-{role}": _saved(columns, seen["candidate"].sent, saved, how, one.sent)
                for role, one in seen.items()
                if role != "candidate"
            },
        ),
    ]
    for name, scores in alone.items():
        found.append(_alone(f"{PREFIX}/quality_{name}", SHARE, how.estimate(scores, name)))
    share = [float(one) for one in seen["candidate"].sent]
    found.append(_alone(f"{PREFIX}/sent_small", SHARE, how.estimate(share, "sent")))
    return found


def _saved(columns: Columns, sent: Any, key: str, how: Statistics, other: Any = None) -> Estimate:
    """Return what is saved, or how much more than with `other` decisions."""

    def figure(times: Any = None) -> Any:
        less = 0.0 if other is None else saved_share(columns, other, times)
        return saved_share(columns, sent, times) - less

    if not (sent.any() or (other is not None and other.any())):
        return how.estimate([0.0] * len(sent), key)
    return how.over_groups(columns.group, float(figure()), key, figure)


def _areas(held: Part, seen: Seen, how: Statistics) -> list[MetricResult]:
    """Return the gain over random mixing and over length alone at equal cost, of the whole curve.

    Withheld where the small model costs no less: then there is nothing to mix.
    """
    columns, key = held.columns, f"{PREFIX}/area_over_"
    orders = {"router": _order(seen), "length": shortest_first(held.tokens)}
    if _ratio(columns) >= 1:
        nothing = Estimate(value=None, low=None, high=None, n=len(held.pairs))
        why = "the small model's answers cost no less"
        return [_alone(f"{key}{less}", POINTS, nothing, why) for less in ("random", "length")]

    def gain(less: str) -> Callable[[Any], Any]:
        def figure(times: Any = None) -> Any:
            found = over_random(curve(columns, orders["router"], times))
            if less == "random":
                return found
            return found - over_random(curve(columns, orders[less], times))

        return figure

    return [
        _alone(
            f"{key}{less}",
            POINTS,
            how.over_groups(columns.group, float(gain(less)(None)), f"{key}{less}", gain(less)),
        )
        for less in ("random", "length")
    ]


def _by_set(held: Part, seen: Seen, how: Statistics) -> list[MetricResult]:
    """Return what is lost in each eval set: a mean over all may hide one that loses much."""
    right = routed(held.columns, seen.sent)
    found: list[MetricResult] = []
    for name in dict.fromkeys(pair.asked for pair in held.pairs):
        own = [place for place, pair in enumerate(held.pairs) if pair.asked == name]
        key = f"{PREFIX}/quality_lost_{name}"
        lost = how.difference(held.columns.large[own].tolist(), right[own].tolist(), key)
        found.append(_alone(key, POINTS, lost))
    return found


def _alone(key: str, unit: Unit, estimate: Estimate, withheld: str = "") -> MetricResult:
    better = "lost" not in key
    return MetricResult(
        key=key,
        unit=unit,
        higher_is_better=better,
        scores={"candidate": estimate},
        withheld=withheld,
    )


def _order(seen: Seen) -> Any:
    import numpy as np

    return np.argsort(-seen.scores, kind="stable")


def _curves(held: Part, seen: Seen) -> dict[str, Curve]:
    """Return the curves of the router, of length alone and of random mixing."""
    import numpy as np

    routers = curve(held.columns, _order(seen))
    ends = Curve(np.array([0.0, 1.0]), routers.quality[[0, -1]])
    by_length = curve(held.columns, shortest_first(held.tokens))
    return {"router": routers, "length": by_length, "random": ends}


def _place(columns: Columns, sent: Any, drawn: Curve) -> tuple[float, float]:
    """Return where on the router's curve its threshold lies."""
    return float(drawn.saved[int(sent.sum())]), float(routed(columns, sent).mean())


def _ratio(columns: Columns) -> float:
    """Return what the small model's answers cost, as a share of the large one's."""
    return float(columns.small_cost.sum() / columns.large_cost.sum())


def _cases(held: Part, seen: Seen) -> Iterator[dict[str, Any]]:
    for place, pair in enumerate(held.pairs):
        yield {
            "eval_set": pair.asked,
            "id": pair.id,
            "score": round(float(seen.scores[place]), 4),
            "to": "small" if seen.sent[place] else "large",
            "small": pair.small,
            "large": pair.large,
        }


def _notes(router: Router, held: Part, metrics: Sequence[MetricResult]) -> list[str]:
    """Say what a reader must know: what could be saved at most, and why nothing is, if so."""
    ratio = _ratio(held.columns)
    said = [
        f"Of {len(held.pairs)} held-out requests; the small model's answers cost {ratio:.0%} of "
        f"the large one's, so no router saves more than {max(0.0, 1 - ratio):.0%}."
    ]
    if router.threshold is None:
        small = next(m for m in metrics if m.key.endswith("/quality_small")).scores["candidate"]
        large = next(m for m in metrics if m.key.endswith("/quality_large")).scores["candidate"]
        said += [
            "Everything goes to the large model: on the requests that thresholds were tried on, "
            f"none that saves anything was sure to lose at most {router.points:g} points.",
            f"The small model alone is right in {small.shown(SHARE)}, the large one in "
            f"{large.shown(SHARE)}.",
        ]
    return said
