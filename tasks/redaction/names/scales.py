"""Says which units of a text are names: those that the fitted weights give enough of a chance."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.redaction.findings import Finding
from tasks.redaction.names.candidates import Sentence
from tasks.redaction.names.entities import Entity
from tasks.redaction.names.features import features
from tasks.redaction.names.units import Unit, units
from tasks.redaction.names.weights import Meaning, Scores, Weights, scores_of, tables
from tasks.redaction.names.word_lists import WordLists

DETECTOR = "fitted names"


class Scales:
    """Weighs the units of texts; `meaning` is what the names model knows of words."""

    def __init__(self, lists: WordLists, meaning: Meaning | None) -> None:
        self._lists = lists
        self._tables = {name: Weights(table, meaning) for name, table in tables().items()}

    def names(
        self, text: str, sentences: Sequence[Sentence], marked: Sequence[Sequence[Entity]]
    ) -> list[Finding]:
        """Return the names in the sentences of a text, given what the model marked in each."""
        found: list[Finding] = []
        for sentence, entities in zip(sentences, marked, strict=True):
            for unit in units(text, sentence, entities, self._lists):
                scores = self.scores(text, unit)
                if self._table(unit).takes(scores):
                    score = round(0.5 + 0.45 * scores.any, 3)  # as other detectors say it
                    found.append(Finding(scores.kind, unit.start, unit.end, score, DETECTOR))
        return found

    def scores(self, text: str, unit: Unit) -> Scores:
        """Return how likely a unit is a name of each kind."""
        known = features(text, unit, self._lists)
        return scores_of(self._table(unit).logits(known, [word.text for word in unit.words]))

    def _table(self, unit: Unit) -> Weights:
        return self._tables["small" if unit.sentence.guessed else "cased"]
