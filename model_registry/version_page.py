"""What the page of a version says in MLflow: a description to read, and the few tags for people.

Needs a dossier, its scorecard and what the candidate says of itself. Writes nothing. Links lead
within the server that shows the page, whatever its address is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from model_registry.candidates import FILES, FLOW_RUN, Candidate
from model_registry.dossier import PAGE, Dossier, dossier_place, rated_text
from model_registry.gates import verdict_markdown
from model_registry.scorecard import MetricResult, Role, Scorecard

LENGTH = 5000  # what MLflow keeps of a description
RUNS = "workflowType=machine_learning"
ORIGIN = ("base", "data", "method")  # tags of what a candidate was made from, for people
NOT_A_RELEASE = (
    "> **Promote model** and aliases on this page are MLflow's own, and no release: nothing serves "
    "a version that the release ledger does not name. An alias that is set by hand is put back by "
    "`paddock reconcile`, which runs every five minutes and tells of it. A release is an approval "
    "in the Review tab; `paddock promote` and `paddock rollback` do the rest."
)


def version_markdown(
    dossier: Dossier,
    scorecard: Scorecard,
    candidate: Candidate,
    *,
    experiment: str,
    prefect: str = "",
) -> str:
    """Return a judged candidate's description.

    `experiment` is the id of where its run lies; `prefect` the address of Prefect's pages, or none.
    """
    return _fitting(
        [
            _verdict(dossier),
            _origin(candidate.tags),
            f"**People:** {rated_text(dossier)}.",
            " · ".join(_links(dossier, candidate, experiment, prefect)),
            NOT_A_RELEASE,
            "**Scores** (95% intervals)",
            _scores(scorecard.metrics),
            "**Gates**",
            verdict_markdown(dossier.verdict).partition("\n\n")[2],
        ]
    )


def released_markdown(dossier: Dossier, candidate: Candidate, experiment: str) -> str:
    """Return the description of the version that was made of an approved candidate."""
    page = f"[version {candidate.version} of {candidate.name}]"
    return _fitting(
        [
            f"The bytes of {page}(#/models/{candidate.name}/versions/{candidate.version}), as "
            f"people approved them on dossier `{dossier.identity}`. `paddock history --name "
            f"{candidate.model}` says when it served, and by whose word.",
            _verdict(dossier),
            _origin(candidate.tags),
            f"**People:** {rated_text(dossier).partition(';')[0]}.",
            " · ".join(_links(dossier, candidate, experiment, "")),
            NOT_A_RELEASE,
            "**Gates**",
            verdict_markdown(dossier.verdict).partition("\n\n")[2],
        ]
    )


def human_tags(dossier: Dossier) -> dict[str, str]:
    """Return what a verdict adds to the tags that people read."""
    gates = dossier.verdict.gates
    passed = sum(result.passed for result in gates)
    return {
        "gates": f"{passed} of {len(gates)} passed ({dossier.verdict.policy})",
        "human review": rated_text(dossier) if dossier.human_review else "none when it was judged",
    }


def _verdict(dossier: Dossier) -> str:
    verdict = dossier.verdict
    failed = [result.gate.id for result in verdict.gates if not result.passed]
    state = "REFUSED" if verdict.state == "failed" else verdict.state.upper()
    against = f"champion version {dossier.champion.version}" if dossier.champion else "its base"
    count = len(verdict.gates)
    why = f": {len(failed)} of {count} gates ({', '.join(failed)})" if failed else ""
    return (
        f"**{'PASSED' if verdict.passed else state}** by policy `{verdict.policy}`{why}, compared "
        f"with {against}. The evidence holds until {dossier.expires[:16].replace('T', ' ')} UTC."
    )


def _origin(tags: Mapping[str, str]) -> str:
    told = [tags[name] for name in ORIGIN if name in tags]
    return f"**Made from** {'; '.join(told)}." if told else ""


def _links(dossier: Dossier, candidate: Candidate, experiment: str, prefect: str) -> list[str]:
    run = f"#/experiments/{experiment}/runs/{candidate.run}"
    folder = f"{run}/artifacts/{dossier_place(dossier)}/content"
    links = [
        f"[Dossier]({folder}/{PAGE}?{RUNS})",
        f"[Model card]({run}/artifacts/{FILES}/MODEL_CARD.md?{RUNS})",
        f"[Files and digests]({run}?{RUNS})",
    ]
    if prefect and (made_by := candidate.tags.get(FLOW_RUN)):
        links.append(f"[Run in Prefect]({prefect}/runs/flow-run/{made_by})")
    return links


def _scores(metrics: Mapping[str, MetricResult]) -> str:
    shown = [metrics[key] for key in sorted(metrics)]
    shown = [metric for metric in shown if any(one.n for one in metric.scores.values())]
    roles: list[Role] = [role for role in get_args(Role) if any(role in m.scores for m in shown)]
    lines = [_row(("figure", *roles)), _row(["---"] * (len(roles) + 1))]
    for metric in shown:
        scores = [metric.scores.get(role) for role in roles]
        cells = [one.shown(metric.unit) if one and one.n else "" for one in scores]
        lines.append(_row((metric.key, *cells)))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _fitting(parts: Sequence[str]) -> str:
    """Return as many whole lines as MLflow keeps."""
    text = "\n\n".join(part for part in parts if part)
    if len(text) <= LENGTH:
        return text
    more = "\n\n… the dossier has the rest."
    return text[: LENGTH - len(more)].rpartition("\n")[0] + more
