"""`paddock show`: what serves since when and why, who decided what, what waits for whom.

Writes nothing. What cannot be trusted is said in its place, and the rest is shown all the same.
"""

from __future__ import annotations

from data_contracts.errors import PaddockError
from flows.showing.drift_status import Watch, describe, status_key
from flows.showing.history import tenures_of
from flows.showing.rated import ratings_now
from flows.showing.summary import read_summaries
from flows.workshop.parts import Workshop
from model_registry.approvals import SeatDecision, read_decision
from model_registry.candidates import Candidate, list_candidates
from model_registry.dossier import VERDICT_TAG, Dossier, read_dossier
from model_registry.standing import Standing, note_on_previous, read_standing
from model_registry.versions import CHAMPION, PREVIOUS

MOST_CANDIDATES, MOST_MOVES = 10, 5
IN_FULL = 3  # candidates whose dossiers and answers are read: some requests each


def overview(workshop: Workshop, name: str) -> str:
    """Return the state of a registered model as text."""
    standing = read_standing(workshop.registry, name)
    lines = [f"{name}", "", *_serving(workshop, standing), *_moves(standing)]
    lines += ["", "Candidates, newest first"]
    candidates = list_candidates(workshop.registry, name)
    for number, candidate in enumerate(candidates[:MOST_CANDIDATES]):
        verdict = candidate.tags.get(VERDICT_TAG, "not judged")
        lines.append(f"  version {candidate.version}: {verdict}, digest {candidate.digest[:16]}")
        if number < IN_FULL and VERDICT_TAG in candidate.tags:
            lines += [f"    {line}" for line in _people(workshop, candidate, standing)]
    if (more := len(candidates) - MOST_CANDIDATES) > 0:
        lines.append(f"  and {more} older ones")
    if not candidates:
        lines.append("  none; `paddock run` makes one")
    lines += ["", "Runs, newest first"]
    summaries = read_summaries(workshop.store, name)
    for summary in summaries:
        verdict = "passed" if summary.passed else "refused"
        lines.append(
            f"  {summary.finished_at}  {summary.parameters.source}  "
            f"{summary.rows['kept']} of {summary.rows['in']} rows, "
            f"version {summary.version} {verdict}"
        )
    if not summaries:
        lines.append("  none")
    lines += ["", "Drift", *_drift(workshop, name)]
    return "\n".join(lines)


def _drift(workshop: Workshop, name: str) -> list[str]:
    """Return what the last look at the inference log found."""
    try:
        watch = Watch.model_validate_json(workshop.store.read(status_key(name)))
    except FileNotFoundError:
        if any(workshop.store.keys(f"drift/{name}/windows")):
            return [
                "  an earlier version looked, and kept no status; `paddock monitor` looks again"
            ]
        return ["  nobody looked yet; `paddock monitor` does"]
    return [f"  {line}" for line in (f"looked at {watch.looked_at}", *describe(watch).splitlines())]


def _serving(workshop: Workshop, standing: Standing) -> list[str]:
    """Say who serves by the release ledger, and where MLflow's aliases say something else."""
    lines = ["Serving"]
    last = standing.last
    if last and last.serves is None:
        lines.append(f"  nothing: it was taken out of service ({last.reason})")
    for alias, version in ((CHAMPION, standing.champion), (PREVIOUS, standing.previous)):
        text = f"version {version.version}, digest {version.digest[:16]}" if version else "none"
        lines.append(f"  {alias:9s} {text}")
    if standing.behind:
        lines.append(
            "  the aliases are behind: a release is under way, or died; reconcile mends them"
        )
    if standing.trouble:
        lines += [f"  TROUBLE   {standing.trouble}", f"  to do     {standing.remedy}"]
    elif note := note_on_previous(workshop.registry, standing):
        lines.append(f"  NOTE      {note}")
    if not workshop.registry.account:
        lines.append("  NOTE      no logins here: who approved is what was said, and not proven")
    return lines


def _moves(standing: Standing) -> list[str]:
    """Say what was made champion when, by whose word and why: the newest rows of the ledger."""
    if not standing.rows:
        return []
    lines = ["", "Releases, newest first (`paddock history` has all of them)"]
    for entry in reversed(tenures_of(standing.rows)[-MOST_MOVES:]):
        row = entry.row
        served = f"version {row.serves.version}" if row.serves else "nothing"
        words = [f"{one.person}: {one.reason}" for one in row.people if one.reason]
        why = "; ".join([row.reason, *words]) or "no reason was given"
        lines.append(f"  {entry.since:%Y-%m-%d %H:%M}  {served}, {row.action} ({why})")
    return lines


def _people(workshop: Workshop, candidate: Candidate, standing: Standing) -> list[str]:
    """Say what people were asked about a candidate, and what they said."""
    try:
        dossier = read_dossier(workshop.registry, candidate, workshop.keys)
        seats = _seats(workshop, candidate, dossier)
    except PaddockError as error:
        return [f"TROUBLE: {error.what}"]
    lines = _ratings(workshop, candidate, dossier)
    for seat in seats or ():
        by = f" by {seat.person}" if seat.person else ""
        lines.append(f"seat {seat.seat}: {seat.state}{by} ({seat.reason or 'no reason was given'})")
    if seats is None:
        lines.append("who sat in its seats and what they said only the promoter's account may read")
    if dossier.verdict.passed:
        lines.append(f"evidence until {dossier.expires[:16]}")
    if candidate.digest == standing.digest:
        lines.append("it serves")
    return lines


def _ratings(workshop: Workshop, candidate: Candidate, dossier: Dossier) -> list[str]:
    """Say what people rated by now, and where the dossier does not hold it yet."""
    said = ratings_now(workshop, candidate.model, dossier)
    told = dossier.human_review
    figures = said.figures() if said else told
    rated = ", ".join(f"{name} {value:g}" for name, value in sorted((figures or {}).items()))
    asked = f"; {said.waiting} of {said.items} answers wait" if said else ""
    lines = [f"people on its answers: {rated or 'no ratings yet'}{asked}"]
    if figures and figures != told:
        lines.append(
            f"its dossier is from before that: `paddock review --name {candidate.model}` judges it "
            "with them, as its deployment does every hour"
        )
    return lines


def _seats(
    workshop: Workshop, candidate: Candidate, dossier: Dossier
) -> tuple[SeatDecision, ...] | None:
    """Return what each seat said; none where the gates refused, None where it cannot be read."""
    if not dossier.verdict.passed:
        return ()
    asker = workshop.registry_as("promoter")
    return asker and read_decision(asker, candidate.model, dossier).seats
