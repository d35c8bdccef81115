"""The signals that a window is judged by, in the order of the report."""

from __future__ import annotations

from tasks.drift.signals.declined import Declined
from tasks.drift.signals.domain import Domain
from tasks.drift.signals.lengths import AnswerLength, QuestionLength
from tasks.drift.signals.signal import DriftSignal
from tasks.drift.signals.vocabulary import Vocabulary

SIGNALS: tuple[DriftSignal, ...] = (
    QuestionLength(),
    AnswerLength(),
    Vocabulary(),
    Domain(),
    Declined(),
)
