"""What people said of answers, as a page: figures with intervals, agreement, reviewers."""

from __future__ import annotations

from model_registry.scorecard import Unit
from tasks.human_review.asking import ReviewQueue
from tasks.human_review.questions import FIGURES
from tasks.human_review.rating import Rating, Ratings


def describe(said: Ratings, queue: ReviewQueue) -> str:
    """Return the ratings as Markdown; what did not count is said with why."""
    waits = f"{said.waiting} wait in the queue '{queue.name}'" if said.waiting else "none waits"
    lines = [
        f"{said.complete} of {said.items} answers rated by {said.people} people, {said.twice} of "
        f"them by two; {said.declined} do not apply; {waits}; {said.corrected} corrections, "
        f"{said.comments} comments.",
    ]
    if queue.withdrawn:
        lines.append(
            f"{queue.withdrawn} answers of an earlier sample, rated by nobody, are asked no more."
        )
    lines += [f"Not counted: {reason} ({n})." for reason, n in sorted(said.not_counted.items())]
    if said.ratings:
        lines += ["", "| question | all answers (95% interval) | rated | agreement (alpha) |"]
        lines += ["|---|---|---|---|", *[_row(rating) for rating in said.ratings]]
    if said.compared.questions:
        pair = said.compared
        lines += [
            "",
            f"Of {pair.questions} questions with both answers rated, the candidate alone is right "
            f"in {pair.candidate_only}, the reference alone in {pair.reference_only}.",
        ]
    if strange := [reviewer for reviewer in said.reviewers if reviewer.strange]:
        lines += ["", "| reviewer | question | rated | share of yes | others | |"]
        lines += ["|---|---|---|---|---|---|"]
        for one in strange:
            others = "" if one.others is None else f"{one.others:.0%}"
            lines.append(
                f"| {one.person} | {one.question} | {one.rated} | {one.share:.0%} | {others} "
                f"| {one.strange} |"
            )
    return "\n".join(lines)


def _row(rating: Rating) -> str:
    alpha = "" if rating.alpha is None else f"{rating.alpha:.2f}"
    shown = rating.estimate.shown(_unit(rating.question))
    return f"| {rating.question} | {shown} | {rating.estimate.n} | {alpha} |"


def _unit(question: str) -> Unit:
    return next(figure.unit for figure in FIGURES if figure.question == question)
