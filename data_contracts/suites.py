"""A contract written as two Great Expectations suites: one for every row, one for the whole.

Needs Great Expectations (4 s to import). Writes nothing. A check of a column passes where the
column is null, so every column is also checked for that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from data_contracts.contracts import SIZES, DatasetContract
from data_contracts.kinds.registry import KINDS
from data_contracts.measures import UNDETERMINED
from data_contracts.snapshot.reading import SnapshotReport

_DAY = 86_400  # seconds


def row_suite(contract: DatasetContract) -> Any:
    """Return the suite for a batch of measures."""
    import great_expectations as gx

    gxe: Any = gx.expectations
    checks: list[Any] = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToMatchRegex(column="id", regex="^[0-9a-f]{64}$"),
        gxe.ExpectColumnValuesToBeInSet(column="split", value_set=["train", "validation", "test"]),
        gxe.ExpectColumnValuesToBeBetween(column="line", min_value=1),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=size.min, max_value=size.max)
            for name, size in contract.lengths.items()
        ),
        *_kind_checks(gxe, contract),
        *_flag_checks(gxe, contract),
    ]
    columns = dict.fromkeys(["id", "split", "line", *SIZES[contract.kind]])
    columns |= dict.fromkeys(one.column for one in checks[1:])
    nulls = [gxe.ExpectColumnValuesToNotBeNull(column=column) for column in columns]
    return gx.ExpectationSuite(name=f"{contract.kind}-rows", expectations=[*nulls, *checks])


def _kind_checks(gxe: Any, contract: DatasetContract) -> list[Any]:
    return [
        gxe.ExpectColumnValuesToMatchRegex(column=name, regex=wanted)
        if isinstance(wanted, str)
        else gxe.ExpectColumnValuesToBeInSet(column=name, value_set=wanted)
        for name, wanted in KINDS[contract.kind].rules(contract.roles).items()
    ]


def _flag_checks(gxe: Any, contract: DatasetContract) -> list[Any]:
    """Only what the contract quarantines for is checked; the rest is counted."""
    rules, checks = contract.flags, list[Any]()
    if rules.toxic == "quarantine":
        limit = {"max_value": rules.toxic_from, "strict_max": True}
        checks.append(gxe.ExpectColumnValuesToBeBetween(column="toxicity", min_value=0, **limit))
    if rules.prompt_injection == "quarantine":
        checks.append(gxe.ExpectColumnValuesToBeInSet(column="prompt_injection", value_set=[0]))
    if rules.language == "quarantine":
        known = [*contract.language.allowed, UNDETERMINED]
        checks.append(gxe.ExpectColumnValuesToBeInSet(column="language", value_set=known))
    return checks


def total_suite(contract: DatasetContract) -> Any:
    """Return the suite for the one row that `totals` makes."""
    import great_expectations as gx

    gxe: Any = gx.expectations
    limits: dict[str, tuple[float, float | None]] = {
        "kept": (contract.rows.min, contract.rows.max),
        "train": (1, None),
        "quarantined_share": (0, contract.quarantine.max_share),
        "duplicate_share": (0, contract.duplicates.max_share),
    }
    if contract.language.min_share:
        limits["language_share"] = (contract.language.min_share, 1)
    if contract.labels:
        limits["largest_label_share"] = (0, contract.labels.max_share)
        limits["labelled"] = (1, None)
    if contract.freshness:
        limits["newest_age_days"] = (-1, contract.freshness.max_age_days)  # clocks differ by a day
        limits["timed_share"] = (contract.freshness.min_share, 1)
    if contract.backdoors:
        limits["suspect_phrases"] = (0, contract.backdoors.max_suspects)
    limits |= {f"empty_{field}_share": (0, share) for field, share in contract.empty.items()}
    checks = [gxe.ExpectTableRowCountToEqual(value=1)]
    for column, (least, most) in limits.items():
        checks.append(gxe.ExpectColumnValuesToNotBeNull(column=column))
        checks.append(
            gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most)
        )
    return gx.ExpectationSuite(name=f"{contract.kind}-totals", expectations=checks)


def totals(
    report: SnapshotReport, contract: DatasetContract, now: datetime
) -> dict[str, float | None]:
    """Return what the contract looks at in a whole snapshot; None where it cannot be said.

    Shares: of quarantined rows among those kept or quarantined; of duplicates, near ones included,
    among those not quarantined; of rows in one of the allowed languages among those whose language
    could be told; the others among the rows kept.
    """
    told = sum(count for code, count in report.languages.items() if code != UNDETERMINED)
    duplicates = report.duplicates + report.near_duplicates
    empties = {
        f"empty_{field}_share": _share(report.empty.get(field, 0), report.kept)
        for field in contract.empty
    }
    newest = datetime.fromisoformat(report.newest) if report.newest else None
    return {
        "kept": report.kept,
        "train": report.splits.get("train", 0),
        "quarantined_share": _share(
            report.quarantined_rows, report.kept + report.quarantined_rows, none=0.0
        ),
        "duplicate_share": _share(duplicates, report.rows_in - report.quarantined_rows, none=0.0),
        "language_share": _share(told - report.flags.get("language", 0), told),
        "labelled": report.largest_label,
        "largest_label_share": _share(report.largest_label, report.kept),
        "newest_age_days": (now - newest).total_seconds() / _DAY if newest else None,
        "timed_share": _share(report.timed, report.kept),
        "suspect_phrases": report.phrases.suspects if report.phrases.exchanges else None,
        **empties,
    }


def _share(part: int, whole: int, none: float | None = None) -> float | None:
    return part / whole if whole else none
