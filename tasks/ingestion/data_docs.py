"""The data docs of a snapshot: one page that a privacy officer can read, print and file.

The page is self-contained: it asks the network for nothing and runs no script. Every value is
escaped, for file names and texts come from outside; the only markup taken as it is are the plots
and Great Expectations' rendering of its results, which hold measures and no text. Needs Jinja and
matplotlib. Same report, same bytes. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from data_contracts.contracts import DatasetContract
from data_contracts.lengths import quantile
from data_contracts.snapshot.reading import SnapshotReport
from data_contracts.validation_html import Validation
from tasks.ingestion.length_plots import length_svg
from tasks.ingestion.reporting import FATES, WHERE

DATA_DOCS = "report.html"
_SOURCES_SHOWN = 200


def data_docs_html(
    report: SnapshotReport,
    contract: DatasetContract,
    validations: Sequence[Validation],
    examples: Sequence[str],
) -> str:
    """Return a snapshot's page. `examples` are whole rows as text, redacted by the caller."""
    from jinja2 import Environment, StrictUndefined

    page = files("tasks.ingestion").joinpath("data_docs.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(page)
    return template.render(
        report=report,
        contract=contract,
        validations=validations,
        validated=any(one.whole for one in validations),
        broken=sum(one.failed for one in validations if one.whole),
        fates={FATES[name]: count for name, count in report.fates.items()},
        policies=_policies(contract),
        privacy=_privacy(contract),
        plots=_plots(report, contract),
        languages=_most_first(report.languages),
        treatments=contract.flags.model_dump(),
        examples=examples,
        where=WHERE,
        sources=dict(list(report.sources.items())[:_SOURCES_SHOWN]),
        more_sources=max(0, len(report.sources) - _SOURCES_SHOWN),
    )


def _policies(contract: DatasetContract) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for kind, policy in contract.redaction.items():
        grouped.setdefault(policy, []).append(kind)
    return grouped


def _privacy(contract: DatasetContract) -> dict[str, str]:
    own = contract.privacy
    days = f"{own.retention_days:,} days" if own.retention_days else ""
    said = {
        "owner": own.owner,
        "retention": days,
        "residency": own.residency,
        "subject": f"column {own.subject}" if own.subject else "",
        "notes": own.notes,
    }
    return {name: value or "the contract does not say" for name, value in said.items()}


def _plots(report: SnapshotReport, contract: DatasetContract) -> list[dict[str, Any]]:
    plots: list[dict[str, Any]] = []
    for name, histogram in report.lengths.items():
        if not histogram:
            continue
        unit = name.replace("_", " ")
        unit = f"{unit} ({report.tokens_by})" if name == "tokens" else unit
        allowed = contract.lengths.get(name)
        plots.append(
            {
                "unit": unit,
                "svg": length_svg(histogram, unit),
                "median": quantile(histogram, 0.5),
                "high": quantile(histogram, 0.95),
                "allowed": f"{allowed.min:,} to {allowed.max:,}" if allowed else "any",
            }
        )
    return plots


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
