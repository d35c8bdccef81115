"""Judge windows against one reference: topics, scores of every signal, limits, verdicts.

A `Judge` is made once a reference and judges any number of windows. The same rows give the same
verdicts. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from data_contracts.errors import PaddockError
from tasks.drift.quiet import Budget, Columns, Limits, limits_for
from tasks.drift.rows import Rows
from tasks.drift.signals import registry
from tasks.drift.signals.signal import Fitted, Means, Signal
from tasks.drift.standard import Standard, standard_of
from tasks.drift.topics import Topics, find_topics

ENOUGH = 100  # held-out rows: fewer would bring more noise than they take away


@dataclass(frozen=True)
class Scored:
    """Rows as a verdict sees them: `scores` [n, m], `topics` [n] and `questions` [n]."""

    scores: Any
    topics: Any
    questions: Any

    def take(self, places: Any) -> Scored:
        """Return the rows at these places."""
        return Scored(self.scores[places], self.topics[places], self.questions[places])

    def with_rows(self, other: Scored) -> Scored:
        """Return these rows and others."""
        import numpy as np

        return Scored(
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.topics, other.topics]),
            np.concatenate([self.questions, other.questions]),
        )


@dataclass(frozen=True)
class Judge:
    """Knows a reference; `seed` decides its topics and the quiet windows that are drawn.

    `held_out` are rows of the same data that are not in the reference; where there are enough, what
    is expected of a window is what they have.
    """

    reference: Rows
    held_out: Rows
    budget: Budget
    seed: int

    def __post_init__(self) -> None:
        """Refuse a reference that has no numbers."""
        _numbers(self.reference)

    def signals(
        self, window: Rows, answers: Rows | None = None, *, answers_known: bool = True
    ) -> tuple[tuple[Signal, ...], float]:
        """Return what every signal found in a window, and its p-value: how often a quiet window's
        most deviating signal deviates as much as this one's.

        `answers` are the champion's own, that its later ones are compared with; else those that it
        learned from are. Until they are known nothing is said of answers.
        """
        rows = self.scored(window)
        return self.of_scores(rows, self.expected(answers), answers_known=answers_known)

    def expected(self, answers: Rows | None) -> Standard:
        """Return what is expected of a window where a model answers as it did in these rows."""
        import numpy as np

        if answers is None:
            return self.standard
        rows = self.scored(answers)
        difference, _ = self.standard.deviations(rows.scores, rows.topics, rows.questions)
        said = self.columns.of_answers
        return self.standard.corrected(
            np.where(said, difference, 0.0), np.where(said, len(answers), self.standard.rows)
        )

    def of_scores(
        self,
        rows: Scored,
        standard: Standard | None = None,
        *,
        answers_known: bool = True,
        limits_of: int = 0,
    ) -> tuple[tuple[Signal, ...], float]:
        """Judge rows by their scores; `limits_of` so many rows, where they were not drawn of all.

        Of fewer rows than there are, limits are a little wider.
        """
        import numpy as np

        scores, standard = rows.scores, standard or self.standard
        difference, errors = standard.deviations(scores, rows.topics, rows.questions)
        if not answers_known:
            errors = np.where(self.columns.of_answers, 0.0, errors)
        seen = scores.mean(axis=0)
        limits = self.limits(limits_of or len(scores))
        deviations = self.columns.largest(errors)
        found: list[Signal] = []
        for place, signal in enumerate(registry.SIGNALS):
            if signal.of_answers and not answers_known:
                continue
            mine = self.columns.signal == place
            means = Means(expected=(seen - difference)[mine], seen=seen[mine])
            found.append(
                signal.found(means, float(deviations[place]), float(limits.signals[place]))
            )
        return tuple(found), limits.p_value(deviations)

    def scored(self, window: Rows) -> Scored:
        """Return every signal's scores of a window's rows."""
        import numpy as np

        _numbers(window)
        scores = np.concatenate([fitted.of(window) for fitted in self.fitted], axis=1)
        return Scored(scores, self.topics.nearest(window.embeddings), window.questions)

    @cached_property
    def limits(self) -> Callable[[int], Limits]:
        """The limits of windows by how many rows they have, drawn once a size."""
        return cache(self._limits_for)

    @cached_property
    def topics(self) -> Topics:
        """The topics of the reference's questions."""
        return find_topics(self.reference.embeddings, self.seed)

    @cached_property
    def fitted(self) -> tuple[Fitted, ...]:
        """Every signal, fitted to the reference."""
        return tuple(signal.fit(self.reference) for signal in registry.SIGNALS)

    @cached_property
    def own(self) -> Any:
        """The reference's own scores, [n, m]."""
        import numpy as np

        return np.concatenate([fitted.own for fitted in self.fitted], axis=1)

    @cached_property
    def columns(self) -> Columns:
        """Which score is which signal's."""
        import numpy as np

        widths = [fitted.own.shape[1] for fitted in self.fitted]
        both = [signal.both_ways for signal in registry.SIGNALS]
        said = [signal.of_answers for signal in registry.SIGNALS]
        return Columns(
            np.repeat(np.arange(len(widths)), widths),
            np.repeat(both, widths),
            np.repeat(said, widths),
        )

    @cached_property
    def standard(self) -> Standard:
        """What the reference lets expect of a window."""
        if len(self.held_out) < ENOUGH:
            return self._of_own
        rows = self.scored(self.held_out)
        difference, _ = self._of_own.deviations(rows.scores, rows.topics, rows.questions)
        return self._of_own.corrected(difference, len(self.held_out))

    @cached_property
    def _of_own(self) -> Standard:
        """What the reference lets expect of its own rows."""
        return standard_of(self.own, self.topics.of_reference, len(self.topics))

    def _limits_for(self, size: int) -> Limits:
        return limits_for(
            size,
            self.own,
            self.topics.of_reference,
            self._of_own,
            self.columns,
            self.budget,
            self.seed,
        )


def _numbers(rows: Rows) -> None:
    import numpy as np

    if not np.isfinite(rows.embeddings).all():
        raise PaddockError("the embedding model returned NaN", step="drift", where="embeddings")
