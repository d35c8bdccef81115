"""What a canary is judged by beside waits and errors: refusals, and answers that are not true.

An answer is true or not by the cases of eval sets: where a request asks what a case asks. Without
such sets only refusals are counted. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from data_contracts.inference_log import LogRow
from flows.asking.given import choose_eval_sets
from tasks.canary.policy import CanaryPolicy
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Answer, Scorer
from tasks.models.refusals import refuses
from tasks.serving.specification import Specification
from tasks.serving.spool import Judge
from tasks.slo.objectives import Promises

_FIGURE = "hallucination"


class _Known(NamedTuple):
    """What is expected of the answer to a question, and who scores it."""

    scorer: Scorer[Any]
    expect: Any
    claim_terms: tuple[str, ...]


def judge_of(specification: Specification) -> Judge:
    """Return what judges an answer, by the specification's canary policy."""
    policy = CanaryPolicy.model_validate(specification.canary)
    return judge_by(policy.eval_sets)


def judges_of(promises: Promises) -> dict[str, Judge]:
    """Return what judges answers for each objective that is about what is true."""
    found = promises.objectives.items()
    return {name: judge_by(one.eval_sets) for name, one in found if one.of == "hallucinated"}


def judge_by(eval_sets: tuple[str, ...]) -> Judge:
    """Return what judges an answer by the cases of eval sets; without some, refusals alone."""
    known = _known(eval_sets) if eval_sets else None

    def judge(row: LogRow) -> Mapping[str, int]:
        if known is None:
            return {"judged": 1, "refused": int(refuses(row.answer))}
        found = known.get(_asked(row.prompt))
        if found is None:
            return {}
        answer = Answer(row.answer, question=row.prompt, claim_terms=found.claim_terms)
        score = found.scorer.score(answer, found.expect)[_FIGURE]
        if score is None:
            return {}
        return {"judged": 1, "refused": int(refuses(row.answer)), "hallucinated": int(score > 0)}

    return judge


def _known(names: tuple[str, ...]) -> dict[str, _Known]:
    """Return what the cases of one question say, by what they ask."""
    found: dict[str, _Known] = {}
    for one in choose_eval_sets(names):
        scorer = SCORERS[one.card.scorer]
        if _FIGURE in {figure.name for figure in scorer.figures}:
            terms = one.card.claim_terms
            cases = [
                case for case in one.cases if sum(m.role == "user" for m in case.messages) == 1
            ]
            found |= {
                _asked(case.messages[-1].content): _Known(scorer, case.expect, terms)
                for case in cases
            }
    return found


def _asked(text: str) -> str:
    """Return a question as two that differ in case and spaces alone are the same."""
    return " ".join(text.casefold().split())
