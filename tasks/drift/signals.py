"""The statistical tests of drift: each compares a window with the reference and returns a signal.

Needs numpy, scipy and scikit-learn; writes nothing. Every random choice comes from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from data_contracts.records import Frozen
from tasks.drift.texts import declines, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITS = 6


class Thresholds(Frozen):
    """What counts as drift.

    With the defaults no false alarm came in 360 quiet windows of 60 or 200 rows (demo desk,
    instructions, chat), and of demo windows of 200 rows in which 20 % of the customers ask about
    new things 90 % were found, with 30 % all.
    """

    min_rows: int = Field(default=50, ge=10, description="fewer rows than this are not enough data")
    max_bad_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="a log with a larger share of broken rows is not compared",
    )
    max_rows: int = Field(default=600, ge=50, description="rows sampled from either side, at most")
    alpha: float = Field(
        default=0.01, gt=0, lt=1, description="p below which a difference is believed"
    )
    length: float = Field(
        default=0.2, gt=0, lt=1, description="Kolmogorov-Smirnov distance of lengths"
    )
    vocabulary: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Jensen-Shannon divergence above the noise floor, 0 to 1",
    )
    embedding: float = Field(
        default=0.55, ge=0.5, lt=1, description="lower bound of the domain classifier's AUC"
    )
    declined: float = Field(
        default=0.1, gt=0, lt=1, description="change in the share of declined answers"
    )
    signals: int = Field(
        default=2, ge=1, le=5, description="how many signals make a window drifted"
    )


class Signal(Frozen):
    """One comparison: it says drifted when `statistic` is above `threshold` (and is significant).

    `p_value` is the test's own where it has one; `low` and `high` bound the statistic otherwise.
    """

    name: str
    statistic: float
    threshold: float
    drifted: bool
    explanation: str
    p_value: float | None = None
    low: float | None = None
    high: float | None = None


def length_signal(
    name: str, reference: Sequence[str], window: Sequence[str], limits: Thresholds
) -> Signal:
    """Compare lengths in words: two-sample Kolmogorov-Smirnov, whose distance is the effect size.

    Cliff's delta (-1 to 1; positive: the window's texts are longer) says which way they moved.
    """
    import numpy as np
    from scipy.stats import ks_2samp, mannwhitneyu

    ours, theirs = (np.array([len(words(text)) for text in side]) for side in (reference, window))
    test: Any = ks_2samp(ours, theirs)
    above: Any = mannwhitneyu(theirs, ours).statistic
    delta = 2 * float(above) / (len(ours) * len(theirs)) - 1
    distance, p_value = float(test.statistic), float(test.pvalue)
    return Signal(
        name=name,
        statistic=round(distance, DIGITS),
        threshold=limits.length,
        p_value=round(p_value, DIGITS),
        drifted=distance > limits.length and p_value < limits.alpha,
        explanation=f"median {np.median(ours):.0f} words in the reference, "
        f"{np.median(theirs):.0f} in the window; Cliff's delta {delta:+.2f}",
    )


def vocabulary_signal(
    reference: Sequence[str], window: Sequence[str], limits: Thresholds, seed: int
) -> Signal:
    """Compare word frequencies: Jensen-Shannon divergence in base 2, 0 (same) to 1 (disjoint).

    Two samples of one source differ too, the more the smaller they are. So the reference is split
    200 times into a part of the window's size and the rest, and the 99th percentile of their
    divergences is the floor. The rest is smaller than the reference: the floor errs upwards.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    size = min(len(window), len(reference) // 2)
    counts = _word_counts([*reference, *window])
    ours, theirs = counts[: len(reference)], counts[len(reference) :]
    sample = rng.permutation(len(window))[:size]
    total = _summed(ours)
    divergence = jensen_shannon(total, _summed(theirs[sample]))
    parts = (_summed(ours[rng.permutation(len(reference))[:size]]) for _ in range(200))
    noise = [jensen_shannon(total - part, part) for part in parts]
    floor = float(np.quantile(noise, 0.99))
    threshold = floor + limits.vocabulary
    return Signal(
        name="vocabulary",
        statistic=round(divergence, DIGITS),
        threshold=round(threshold, DIGITS),
        low=round(float(np.median(noise)), DIGITS),
        high=round(floor, DIGITS),
        drifted=divergence > threshold,
        explanation=f"two samples of the reference of {size} rows differ by "
        f"{np.median(noise):.3f} (median) to {floor:.3f} (99th percentile)",
    )


def embedding_signal(
    reference: NDArray[np.float32],
    window: NDArray[np.float32],
    groups: Sequence[int],
    limits: Thresholds,
    seed: int,
) -> Signal:
    """Train a classifier to tell the window from the reference by embeddings; report its AUC.

    Five-fold cross-validated logistic regression. Rows of one group (equal texts) stay in one
    fold: otherwise a question asked twice would be learnt by heart. The interval is Hanley and
    McNeil's (Radiology 143, 1982), one-sided at `alpha`.
    """
    import numpy as np
    from scipy.stats import norm
    from sklearn.metrics import roc_auc_score

    rows = np.concatenate([reference, window])
    domain = np.repeat([0, 1], [len(reference), len(window)])
    scores = _held_out_scores(rows, domain, np.asarray(groups), seed)
    auc = float(roc_auc_score(domain, scores))
    margin = float(norm.ppf(1 - limits.alpha)) * auc_error(auc, len(reference), len(window))
    low, high = max(0.0, auc - margin), min(1.0, auc + margin)
    return Signal(
        name="embedding",
        statistic=round(low, DIGITS),
        threshold=limits.embedding,
        low=round(low, DIGITS),
        high=round(high, DIGITS),
        drifted=low > limits.embedding,
        explanation=f"a classifier tells window from reference with AUC {auc:.3f} "
        f"({low:.3f} to {high:.3f}); 0.5 is chance",
    )


def declined_signal(reference: Sequence[str], window: Sequence[str], limits: Thresholds) -> Signal:
    """Compare the shares of answers that abstain or refuse: Fisher's exact test, both ways."""
    from scipy.stats import fisher_exact

    ours, theirs = (sum(map(declines, side)) for side in (reference, window))
    table = [[ours, len(reference) - ours], [theirs, len(window) - theirs]]
    test: Any = fisher_exact(table)
    before, now = ours / len(reference), theirs / len(window)
    change, p_value = abs(now - before), float(test.pvalue)
    return Signal(
        name="declined",
        statistic=round(change, DIGITS),
        threshold=limits.declined,
        p_value=round(p_value, DIGITS),
        drifted=change > limits.declined and p_value < limits.alpha,
        explanation=f"{before:.1%} of the reference's answers decline, {now:.1%} of the window's",
    )


def jensen_shannon(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the Jensen-Shannon divergence (base 2, 0 to 1) of two vectors of counts.

    Lin, IEEE Transactions on Information Theory 37 (1991).
    """
    from scipy.spatial.distance import jensenshannon

    if not left.sum() or not right.sum():
        return 0.0 if left.sum() == right.sum() else 1.0
    return float(jensenshannon(left, right, base=2)) ** 2


def auc_error(auc: float, negatives: int, positives: int) -> float:
    """Return the standard error of an AUC (Hanley and McNeil 1982, equation 2)."""
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc)
    spread += (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
    return max(0.0, spread / (negatives * positives)) ** 0.5


def _held_out_scores(rows: Any, domain: Any, groups: Any, seed: int) -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=seed)
    scores = np.zeros(len(rows))
    for train, test in folds.split(rows, domain, groups):
        if len(np.unique(domain[train])) < 2:
            continue  # nothing to learn from: these rows keep the score of chance
        model = LogisticRegression(max_iter=1000, class_weight="balanced")
        scores[test] = model.fit(rows[train], domain[train]).decision_function(rows[test])
    return scores


def _word_counts(rows: Sequence[str]) -> Any:
    """Return how often each row (line) holds each word (column)."""
    from scipy.sparse import csr_matrix

    places: dict[str, int] = {}
    found = [[places.setdefault(word, len(places)) for word in words(row)] for row in rows]
    lines = [line for line, row in enumerate(found) for _ in row]
    columns = [column for row in found for column in row]
    shape = (len(rows), max(1, len(places)))
    return csr_matrix(([1.0] * len(lines), (lines, columns)), shape=shape)


def _summed(counts: Any) -> Any:
    import numpy as np

    return np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
