"""The router: from a request's last question to how much better the small model would answer it.

Two logistic regressions over the same features say how likely each model is right; the request goes
to the small one where the difference of both reaches the threshold. Features: the encoder's vector
of the user's last message, the logarithm of its tokens, and the turns of the conversation. Kept as
one JSON file of numbers. Needs the encoder; writes that file where it is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from tasks.models.encoding import Encodes, first_words
from tasks.routing.curve import Prices
from tasks.routing.pairs import STEP

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FILE = "router.json"
MORE = 2  # features beside the vector: tokens, turns
READ = 64  # tokens of a question that are encoded: a decision must not take long
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # sklearn's C, of which the fit part chooses
_FOLDS = 5
_MOST_TURNS = 20


class Side(Frozen):
    """One of both models: a registered version, and how its weights are kept.

    `digest` is its candidate's. Empty weights: as `[engine]` says where it serves.
    """

    name: str
    version: int
    digest: str
    weights: str = ""

    @property
    def called(self) -> str:
        """Return how people call it."""
        return f"{self.name}/{self.version}" + (f" in {self.weights}" if self.weights else "")


class Head(Frozen):
    """A logistic regression: the log-odds that a model is right are `weights` . features + bias."""

    weights: tuple[float, ...]
    bias: float


class Kept(Frozen):
    """How the threshold fared on requests: of `asked`, so many went to the `small` model.

    `saved` is a share of the large model's cost, `lost` points of quality with their interval.
    """

    asked: int
    small: int
    saved: float
    lost: float
    lost_low: float
    lost_high: float


class Router(Frozen):
    """All of it. Without a threshold everything goes to the large model.

    `points` is the quality that may be lost, of 100. `chosen` is how the threshold fared on the
    requests that it was chosen on, `held` on those that nothing was chosen on.
    """

    form: Literal[1] = 1
    encoder: str
    small: Side
    large: Side
    prices: Prices
    points: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    small_head: Head
    large_head: Head
    threshold: float | None
    chosen: Kept | None
    held: Kept = Field(description="what is compared with what is sent while it serves")

    @model_validator(mode="after")
    def _whole(self) -> Router:
        sizes = {len(head.weights) for head in (self.small_head, self.large_head)}
        if len(sizes) != 1 or len(self.mean) != MORE or len(self.scale) != MORE:
            raise ValueError("its numbers are not of one length")
        heads = (self.small_head, self.large_head)
        numbers = [*self.mean, *self.scale, *(x for h in heads for x in (*h.weights, h.bias))]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a number is not finite")
        return self

    def scores(self, features: Any) -> Any:
        """Return for features [n, d] how likelier the small model is right than the large."""
        scaled = scaled_by(features, self.mean, self.scale)
        return _right(self.small_head, scaled) - _right(self.large_head, scaled)

    def sends(self, scores: Any) -> Any:
        """Return which go to the small model [n]."""
        import numpy as np

        if self.threshold is None:
            return np.zeros(len(scores), bool)
        return np.asarray(scores) >= self.threshold


def read_router(folder: Path) -> Router:
    """Return the router of a folder; InputError if it is none."""
    try:
        return Router.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            "this is no router",
            step=STEP,
            where=str(folder / FILE),
            remedy="make it again: `paddock router build`",
        ) from error


def write_router(router: Router, folder: Path) -> None:
    """Keep a router."""
    (folder / FILE).write_text(router.model_dump_json(indent=1) + "\n", encoding="utf-8")


def features_of(encoder: Encodes, questions: Sequence[str], turns: Sequence[int]) -> Any:
    """Return features [n, dimension + 2] of last questions, and the turns before them and with."""
    import numpy as np

    cut = first_words(encoder, questions, READ)
    sizes = np.log1p(np.array(encoder.count(questions), float))
    deep = np.minimum(np.array(turns, float), _MOST_TURNS)
    return np.column_stack([encoder.encode(cut).astype(float), sizes, deep])


def scaling_of(features: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and spread of the features beside the vector; a spread of 0 is taken for 1."""
    more = features[:, -MORE:]
    spread = more.std(0)
    spread[spread == 0] = 1.0
    return tuple(map(float, more.mean(0))), tuple(map(float, spread))


def scaled_by(features: Any, mean: Sequence[float], scale: Sequence[float]) -> Any:
    """Return features, those beside the vector less their mean, in units of their spread."""
    import numpy as np

    scaled = np.array(features, float)
    scaled[:, -MORE:] = (scaled[:, -MORE:] - np.array(mean)) / np.array(scale)
    return scaled


class Learned(NamedTuple):
    """A regression, and for each request it was fitted on the chance that a twin of it said.

    The twin was fitted on requests of other groups: what a model says of requests that it was
    fitted on is no evidence.
    """

    head: Head
    chances: Any


def learn(scaled: Any, right: Any, groups: Any) -> Learned:
    """Return the regression for whether a model is right (above a half) at scaled features.

    How strongly it is held back is chosen by how likely requests of other groups are.
    """
    import numpy as np

    told = np.asarray(right) > 0.5
    tried = [_crossed(scaled, told, groups, strength) for strength in _STRENGTHS]
    likelihoods = [np.log(np.where(told, one, 1 - one)).sum() for one in tried]
    best = int(np.argmax(likelihoods))
    return Learned(_fitted(scaled, told, _STRENGTHS[best]), tried[best])


def _crossed(scaled: Any, told: Any, groups: Any, strength: float) -> Any:
    """Return each request's chance by a regression on requests of other groups."""
    import numpy as np
    from sklearn.model_selection import GroupKFold

    chances = np.empty(len(told))
    folds = GroupKFold(min(_FOLDS, len(set(groups.tolist()))))
    for others, seen in folds.split(scaled, told, groups):
        chances[seen] = _right(_fitted(scaled[others], told[others], strength), scaled[seen])
    return chances.clip(1e-9, 1 - 1e-9)


def _fitted(scaled: Any, told: Any, strength: float) -> Head:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    if told.all() or not told.any():  # nothing to tell apart: the same chance for all
        share = (told.sum() + 0.5) / (len(told) + 1)
        return Head(weights=(0.0,) * scaled.shape[1], bias=float(np.log(share / (1 - share))))
    model: Any = LogisticRegression(C=strength, max_iter=2000).fit(scaled, told)
    return Head(weights=tuple(map(float, model.coef_[0])), bias=float(model.intercept_[0]))


def _right(head: Head, scaled: Any) -> Any:
    import numpy as np

    return 1 / (1 + np.exp(-(scaled @ np.array(head.weights) + head.bias)))
