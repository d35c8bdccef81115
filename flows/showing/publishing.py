"""Shows people what a run made: Prefect artifacts, and MLflow runs with the same figures.

Everything published comes from stage outputs, which are redacted; nothing is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from data_contracts.snapshot.reading import REPORT, read_report
from flows.showing.live import LiveTraining, image_address
from flows.showing.places import Place
from model_registry.gates import Verdict, verdict_markdown
from model_registry.scorecard import read_scorecard
from model_registry.tracking import Registry
from tasks.evaluation.confidence import PLOT
from tasks.finetuning.reproduce import read_spent
from tasks.finetuning.steps import FINGERPRINT
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.release.assembly import Evidence
from tasks.storage.outputs import ABOUT

SCORECARD_TAG, SNAPSHOT_TAG = "paddock.scorecard", "paddock.snapshot"
SERVED_TAG = "paddock.judgements"
SCORED_TAG = "paddock.scored"  # of a training's run: the scorecard whose scores it has


def publish_snapshot(folder: Path, docs: str) -> None:
    """Publish the rows' fate and the redaction counts of a snapshot; `docs` is its page's place."""
    report = read_report(folder)
    text = (folder / "report.md").read_text(encoding="utf-8")
    create_markdown_artifact(
        key="snapshot",
        markdown=f"{text}\nData docs: `{docs}`\n",
        description="Rows in, kept, quarantined and dropped",
    )
    rows = [{"kind": kind, "replaced": n} for kind, n in sorted(report.redacted.items())]
    create_table_artifact(
        key="redactions", table=rows, description="Personal data replaced, by kind"
    )


def publish_training(folder: Path, live: LiveTraining) -> None:
    """Publish the whole loss curve of a trained model, and how to train it again."""
    training = json.loads((folder / "training.json").read_text())
    text = (
        f"{training['steps']} steps, {training['tokens']} tokens, loss "
        f"{training['first_loss']:.3f} to {training['final_loss']:.3f}"
    )
    spent = read_spent(folder / ABOUT).words()
    again = folder / ABOUT / "reproduce.md"
    notes = "".join(f"- {note}\n" for note in training.get("notes", ()))
    live(
        (folder / "loss.png").read_bytes(),
        f"{text}; {spent}" if spent else text,
        f"{notes}\n{again.read_text() if again.is_file() else ''}",
    )


def publish_scorecard(folder: Path) -> None:
    """Publish a scorecard's table and plot."""
    table = (folder / "scorecard.md").read_text(encoding="utf-8")
    plots = {"scorecard.png": "scores with intervals", PLOT: "confidence against what was right"}
    images = [inline_image(folder / n, alt) for n, alt in plots.items() if (folder / n).is_file()]
    create_markdown_artifact(
        key="scorecard",
        markdown="\n\n".join([table, *images]),
        description="Candidate against base and champion",
    )


def publish_verdict(verdict: Verdict) -> None:
    """Publish what each gate decided, and why."""
    create_markdown_artifact(
        key="verdict", markdown=verdict_markdown(verdict), description="Gates and their reasons"
    )


def publish_page(
    key: str, markdown: str, description: str, *, places: Sequence[Place] = (), to_do: str = ""
) -> None:
    """Publish a page of Markdown: what it says, what is to do now, and the places to go on to."""
    parts = [markdown, f"**Next:** {to_do}" if to_do else ""]
    parts.append("\n".join(f"- {place.markdown}" for place in places))
    page = "\n\n".join(part for part in parts if part)
    create_markdown_artifact(key=key, markdown=page, description=description)
    publish_links(places)


def publish_links(places: Sequence[Place]) -> None:
    """Publish a link artifact for each place."""
    for place in places:
        create_link_artifact(
            place.url, link_text=place.text, key=f"link-{place.key}", description=place.text
        )


def log_snapshot(registry: Registry, name: str, digest: str, folder: Path) -> None:
    """Keep a snapshot's report as an MLflow run: its figures, and its page (`report.html`)."""
    tags = {SNAPSHOT_TAG: digest}
    if registry.find_runs(name, tags):
        return
    run = registry.start_run(name, f"ingest {digest[:12]}", {"paddock.kind": "ingestion"})
    registry.log_metrics(run, {f"rows/{key}": n for key, n in read_report(folder).counts().items()})
    for file in (DATA_DOCS, REPORT):
        registry.upload(run, folder / file, "snapshot")
    registry.tag_run(run, tags)  # last: a run that died half-way is made again
    registry.finish_run(run)


def log_scorecard(registry: Registry, name: str, digest: str, folder: Path) -> None:
    """Keep a scorecard as an MLflow run: its figures, the plot and every case's answers."""
    tags = {SCORECARD_TAG: digest}
    if registry.find_runs(name, tags):
        return
    run = registry.start_run(name, f"evaluate {digest[:12]}", {"paddock.kind": "evaluation"})
    figures: dict[str, float] = {}
    for key, metric in read_scorecard(folder / "scorecard.json").metrics.items():
        for role, estimate in metric.scores.items():
            if estimate.value is not None:
                figures[f"{role}/{key}"] = estimate.value
    registry.log_metrics(run, figures)
    registry.upload(run, folder, "scorecard")
    registry.tag_run(run, tags)  # last: a run that died half-way is made again
    registry.finish_run(run)


def log_scores(registry: Registry, name: str, fingerprint: str, digest: str, folder: Path) -> None:
    """Keep a model's scores in the run of its training, beside the settings and the loss.

    So that which settings scored better is one table. `fingerprint` is the training's, `digest`
    the scorecard's. A model that came from another registry has no run here.
    """
    runs = registry.search_runs(name, {FINGERPRINT: fingerprint})
    if not runs or runs[0].data.tags.get(SCORED_TAG) == digest:
        return
    run = str(runs[0].info.run_id)
    figures = {
        f"scores/{key.replace('/', '.')}": estimate.value
        for key, metric in read_scorecard(folder / "scorecard.json").metrics.items()
        if (estimate := metric.scores.get("candidate")) and estimate.value is not None
    }
    registry.log_metrics(run, figures)
    registry.tag_run(run, {SCORED_TAG: digest})


def log_served(
    registry: Registry, name: str, digest: str, version: int, figures: Mapping[str, float]
) -> None:
    """Keep what a judge said of served answers as an MLflow run; `digest` is of its judgements."""
    tags = {SERVED_TAG: digest, "paddock.version": str(version)}
    if registry.find_runs(name, {SERVED_TAG: digest}):
        return
    run = registry.start_run(name, f"judge served {digest[:12]}", {"paddock.kind": "served"})
    registry.log_metrics(run, dict(figures))
    registry.tag_run(run, tags)  # last: a run that died half-way is made again
    registry.finish_run(run)


def gather_evidence(
    name: str, base: str, folders: dict[str, Path], references: dict[str, str]
) -> Evidence:
    """Read what a model card quotes from the outputs of the stages before it."""
    return Evidence(
        name=name,
        base=base,
        training=json.loads((folders["model"] / "training.json").read_text()),
        snapshot=read_report(folders["snapshot"]),
        scorecard=read_scorecard(folders["scorecard"] / "scorecard.json"),
        references=references,
    )


def inline_image(path: Path, alt: str) -> str:
    """Return an image as Markdown that needs no server to be seen."""
    return f"![{alt}]({image_address(path.read_bytes())})"
