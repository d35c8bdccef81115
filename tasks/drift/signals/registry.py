"""The signals that a window is judged by, in the order of the report."""

from __future__ import annotations

from tasks.drift.signals.languages import Languages
from tasks.drift.signals.lengths import AnswerLength, QuestionLength
from tasks.drift.signals.novelty import Novelty
from tasks.drift.signals.shares import Declined, PersonalData, Repetition
from tasks.drift.signals.signal import DriftSignal
from tasks.drift.signals.vocabulary import Vocabulary

SIGNALS: tuple[DriftSignal, ...] = (
    Novelty(),
    Vocabulary(),
    QuestionLength(),
    Languages(),
    PersonalData(),
    AnswerLength(),
    Declined(),
    Repetition(),
)
