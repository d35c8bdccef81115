"""Every metric there is, by the name that an eval set's card gives its scorer."""

from __future__ import annotations

from typing import Any

from eval_sets.types import Expectation
from tasks.evaluation.metrics.closed_book import ClosedBookScorer
from tasks.evaluation.metrics.from_passages import FromPassagesScorer
from tasks.evaluation.metrics.grounded import GroundedScorer
from tasks.evaluation.metrics.instruction_constraints import InstructionConstraintsScorer
from tasks.evaluation.metrics.number_match import NumberMatchScorer
from tasks.evaluation.metrics.pii_leak import PiiLeakScorer
from tasks.evaluation.metrics.reference_answer import ReferenceAnswerScorer
from tasks.evaluation.metrics.refusal import RefusalScorer
from tasks.evaluation.metrics.scorer import Scorer
from tasks.evaluation.metrics.stated_confidence import StatedConfidenceScorer

SCORERS: dict[str, Scorer[Any]] = {
    scorer.name: scorer
    for scorer in (
        ClosedBookScorer(),
        FromPassagesScorer(),
        GroundedScorer(),
        InstructionConstraintsScorer(),
        NumberMatchScorer(),
        PiiLeakScorer(),
        ReferenceAnswerScorer(),
        RefusalScorer(),
        StatedConfidenceScorer(),
    )
}


def expectations() -> dict[str, type[Expectation]]:
    """Return what the cases of each scorer's eval sets must say is expected."""
    return {name: scorer.expects for name, scorer in SCORERS.items()}
