"""Signal: whether a classifier tells the window's questions from the reference's."""

from __future__ import annotations

from typing import Any

from data_contracts.errors import PaddockError
from tasks.drift.signals.signal import DriftSignal, Measured, Sides
from tasks.drift.texts import words


class Domain(DriftSignal):
    """Other subjects: the AUC of a classifier over sentence embeddings.

    Five-fold cross-validated logistic regression. Rows of one group (equal texts) stay in one
    fold: otherwise a question asked twice would be learnt by heart. The interval is Hanley and
    McNeil's (Radiology 143, 1982), one-sided at `alpha`.
    """

    name = "embedding"
    unit = "AUC (lower bound), 0.5 is chance"
    compares = "sentence embeddings of questions"
    rule = "the interval's lower end above the threshold"
    threshold = 0.55

    def measure(self, sides: Sides) -> Measured:
        """Compare the questions' embeddings."""
        ours, asked = sides.reference.prompts, sides.window.prompts
        return self.of_vectors(
            sides.embed(ours), sides.embed(asked), groups(ours, asked), sides.alpha, sides.seed
        )

    def of_vectors(
        self, reference: Any, window: Any, groups: list[int], alpha: float, seed: int
    ) -> Measured:
        """Compare vectors, [n, width] and [m, width]; `groups` numbers the n + m rows."""
        import numpy as np
        from scipy.stats import norm
        from sklearn.metrics import roc_auc_score

        rows = np.concatenate([reference, window])
        if not np.isfinite(rows).all():
            raise PaddockError("the embedding model returned NaN", step="drift", where=self.name)
        domain = np.repeat([0, 1], [len(reference), len(window)])
        scores = _held_out_scores(rows, domain, np.asarray(groups), seed)
        auc = float(roc_auc_score(domain, scores))
        margin = float(norm.ppf(1 - alpha)) * auc_error(auc, len(reference), len(window))
        low, high = max(0.0, auc - margin), min(1.0, auc + margin)
        return Measured(
            statistic=low,
            threshold=self.threshold,
            low=low,
            high=high,
            drifted=low > self.threshold,
            explanation=f"a classifier tells window from reference with AUC {auc:.3f} "
            f"({low:.3f} to {high:.3f}); 0.5 is chance",
        )


def groups(ours: list[str], asked: list[str]) -> list[int]:
    """Number texts of equal words alike.

    Where a side says fewer than ten things every row stands for itself: folds need groups.
    """
    sides = [[" ".join(words(text)) for text in side] for side in (ours, asked)]
    if min(len(set(side)) for side in sides) < 10:
        return list(range(len(ours) + len(asked)))
    numbers: dict[str, int] = {}
    return [numbers.setdefault(said, len(numbers)) for side in sides for said in side]


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
