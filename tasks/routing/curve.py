"""Cost against quality: what is saved and what is lost when the first k requests go to the small.

All of it is of an order in which requests would be sent to the small model. `saved` runs from 0
(nothing is sent there) to 1 (all is): a share of what all of it there would save; `quality` is the
mean over all requests. Random mixing is the straight line between both ends, so the area between a
curve and that line is the mean gain over random mixing at equal cost, in points of quality. A curve
may run back where an answer of the small one costs more: the area is a line integral. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from data_contracts.records import Frozen
from tasks.routing.pairs import Pair, tokens_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Prices(Frozen):
    """What a million tokens cost at each model, in one unit; only their ratio decides."""

    small: float = Field(gt=0)
    large: float = Field(gt=0)
    unit: Literal["given", "hours of an engine"] = "given"


class Columns(NamedTuple):
    """Pairs as columns [n]: quality at each model, cost at each, and the number of the group."""

    small: Floats
    large: Floats
    small_cost: Floats
    large_cost: Floats
    group: NDArray[np.int64]

    @property
    def full(self) -> float:
        """Return what all of it costs at the large model."""
        return float(self.large_cost.sum())


class Curve(NamedTuple):
    """Points [n + 1] from nothing sent to the small model to everything."""

    saved: Floats
    quality: Floats


def columns_of(pairs: Sequence[Pair], question_tokens: Sequence[int], prices: Prices) -> Columns:
    """Return a part's columns; a request costs its question's and its answer's tokens."""
    import numpy as np

    small, large = tokens_of(pairs, question_tokens)
    names = [f"{pair.asked}/{pair.group or pair.id}" for pair in pairs]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return Columns(
        small=np.array([pair.small for pair in pairs], float),
        large=np.array([pair.large for pair in pairs], float),
        small_cost=np.array(small, float) * prices.small / 1e6,
        large_cost=np.array(large, float) * prices.large / 1e6,
        group=np.array([numbers[name] for name in names]),
    )


def curve(columns: Columns, order: Any, weights: Any = None) -> Curve:
    """Return the curve of an order (places, those first that go first to the small model).

    `weights` [n], or [draws, n], count each request so often; the points are then [draws, n + 1].
    """
    import numpy as np

    times = np.ones(len(order)) if weights is None else np.asarray(weights, float)[..., order]
    cheaper = (columns.large_cost - columns.small_cost)[order] * times
    better = (columns.small - columns.large)[order] * times
    start = (columns.large[order] * times).sum(-1, keepdims=True)
    zero, whole = np.zeros_like(start), cheaper.sum(-1, keepdims=True)
    # Where both cost the same nothing is ever saved.
    saved = np.concatenate([zero, cheaper.cumsum(-1)], -1) / np.where(whole == 0, 1.0, whole)
    quality = np.concatenate([start, start + better.cumsum(-1)], -1)
    return Curve(saved, quality / times.sum(-1, keepdims=True))


def over_random(drawn: Curve) -> Any:
    """Return the area between a curve and random mixing: points of quality, on average."""
    import numpy as np

    first, last = drawn.quality[..., :1], drawn.quality[..., -1:]
    gain = drawn.quality - (first + drawn.saved * (last - first))
    steps = np.diff(drawn.saved, axis=-1)
    return (steps * (gain[..., 1:] + gain[..., :-1]) / 2).sum(-1)


def shortest_first(question_tokens: Sequence[int]) -> Any:
    """Return the order of routing by length alone: the shortest questions go first."""
    import numpy as np

    return np.argsort(np.asarray(question_tokens), kind="stable")


def saved_share(columns: Columns, sent: Any, weights: Any = None) -> Any:
    """Return how much less is spent than at the large model alone, as a share of that.

    `sent` [n] tells what goes to the small model.
    """
    import numpy as np

    times = np.ones(len(sent)) if weights is None else np.asarray(weights, float)
    cheaper = np.where(sent, columns.large_cost - columns.small_cost, 0.0)
    return (times @ cheaper) / (times @ columns.large_cost)


def routed(columns: Columns, sent: Any) -> Any:
    """Return how right each request [n] is answered where `sent` goes to the small model."""
    import numpy as np

    return np.where(sent, columns.small, columns.large)
