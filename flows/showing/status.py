"""`paddock show`: the last runs, the candidates with their verdicts, and what serves."""

from __future__ import annotations

from flows.showing.drift_status import Watch, describe, status_key
from flows.showing.summary import read_summaries
from flows.workshop.parts import Workshop
from model_registry.candidates import list_candidates
from model_registry.dossier import VERDICT_TAG
from model_registry.standing import note_on_previous, read_standing
from model_registry.versions import CHAMPION, PREVIOUS


def overview(workshop: Workshop, name: str) -> str:
    """Return the state of a registered model as text."""
    lines = [f"{name}", "", *_serving(workshop, name)]
    lines += ["", "Candidates, newest first"]
    candidates = list_candidates(workshop.registry, name)
    for candidate in candidates[:10]:
        verdict = candidate.tags.get(VERDICT_TAG, "not judged")
        lines.append(f"  version {candidate.version}: {verdict}, digest {candidate.digest[:16]}")
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


def _serving(workshop: Workshop, name: str) -> list[str]:
    """Say who serves by the record of releases, and where MLflow's aliases say something else."""
    standing = read_standing(workshop.registry, name)
    lines = ["Serving"]
    for alias, version in ((CHAMPION, standing.champion), (PREVIOUS, standing.previous)):
        text = f"version {version.version}, digest {version.digest[:16]}" if version else "none"
        lines.append(f"  {alias:9s} {text}")
    if standing.moving is not None:
        lines.append("  a release is under way, or died half-way: the next promote closes it")
    if standing.trouble:
        lines += [f"  TROUBLE   {standing.trouble}", f"  to do     {standing.remedy}"]
    elif note := note_on_previous(workshop.registry, standing):
        lines.append(f"  NOTE      {note}")
    return lines
