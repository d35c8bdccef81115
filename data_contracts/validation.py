"""Holds rows and snapshots to their contract: the one door to running Great Expectations.

The suites look at measures of records (lengths, roles, splits), never at their text, so no result
of a validation can hold personal data. Needs Great Expectations (4 s to import). Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from data_contracts.contracts import DatasetContract
from data_contracts.errors import ContractError
from data_contracts.snapshot.reading import SnapshotReport
from data_contracts.suites import row_suite, total_suite, totals
from data_contracts.validation_html import Validation, validation_of

STEP = "data contract"
_REASONS = 3  # of rows held back that a broken contract's error names


class Contract:
    """A data set's contract, ready to be run on batch after batch and then on the whole."""

    def __init__(self, contract: DatasetContract) -> None:
        import great_expectations as gx

        self._contract = contract
        self._context: Any = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        source = self._context.data_sources.add_pandas("measures")
        asset = source.add_dataframe_asset("batch")
        self._whole: Any = asset.add_batch_definition_whole_dataframe("all")
        self._suite = row_suite(contract)
        self._rows, self._unexpected = 0, Counter[tuple[str, str]]()
        self._totals: Any = None

    def failures(self, measures: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Return the rows that break the contract: position in the batch -> reason."""
        if not measures:
            return {}
        batch = self._batch([dict(row) | {"row": n} for n, row in enumerate(measures)])
        results = _results(batch.validate(self._suite, result_format="BOOLEAN_ONLY"))
        self._rows += len(measures)
        reasons: dict[int, str] = {}
        failed = {_name(one.expectation_config) for one in results if not one.success}
        # In the order of the suite, for a row's reason is the first rule that it breaks.
        for config in [one.configuration for one in self._suite.expectations]:
            if _name(config) not in failed:
                continue
            rows = _failing_rows(batch, config, len(measures))
            self._unexpected[_name(config)] += len(rows)
            for row in rows:
                reasons.setdefault(row, f"contract: {_reason(config)}")
        return reasons

    def require_totals(
        self, report: SnapshotReport, where: str, now: datetime | None = None
    ) -> None:
        """Raise ContractError unless the snapshot as a whole is what its contract asks for.

        `now` (default: the clock's) is what freshness is counted from, so a snapshot that was found
        again can be asked again.
        """
        row = totals(report, self._contract, now or datetime.now(UTC))
        batch = self._batch([row])
        self._totals = batch.validate(total_suite(self._contract), result_format="SUMMARY")
        broken = [one.expectation_config for one in _results(self._totals) if not one.success]
        if broken:
            said = dict.fromkeys(_total(one, row) for one in broken) | _held(report)
            raise ContractError(
                f"the result breaks its contract: {'; '.join(filter(None, said))}",
                step=STEP,
                where=where,
                remedy="look at the source and at the reasons in the quarantine, or give more rows",
            )

    def validations(self) -> list[Validation]:
        """Return what was validated so far, as Great Expectations renders it."""
        done = [validation_of("Every row", self._merged(), whole=False)] if self._rows else []
        if self._totals is not None:
            done.append(validation_of("The snapshot as a whole", self._totals, whole=True))
        return done

    def _batch(self, rows: list[dict[str, Any]]) -> Any:
        import pandas as pd

        frame = pd.DataFrame(rows)
        return self._whole.get_batch(batch_parameters={"dataframe": frame})

    def _merged(self) -> Any:
        """Return one result over all batches, in Great Expectations' own types."""
        from great_expectations.core import (
            ExpectationSuiteValidationResult,
            ExpectationValidationResult,
        )

        results: list[Any] = []
        for config in [one.configuration for one in self._suite.expectations]:
            missed = self._unexpected[_name(config)]
            counted: dict[str, Any] = {"unexpected_count": missed}
            counted["unexpected_percent"] = 100 * missed / self._rows
            if "column" not in config.kwargs:
                counted["observed_value"] = self._rows
            results.append(
                ExpectationValidationResult(
                    success=not missed,
                    expectation_config=config,
                    result={"element_count": self._rows} | counted,
                )
            )
        return ExpectationSuiteValidationResult(
            success=all(one.success for one in results),
            results=results,
            suite_name=self._suite.name,
        )


def _held(report: SnapshotReport) -> dict[str, None]:
    """Return why most of the rows that were held back were."""
    most = sorted(report.quarantined.items(), key=lambda one: (-one[1], one[0]))[:_REASONS]
    return {f"held back, {count:,} rows: {reason}": None for reason, count in most}


def _results(validated: Any) -> list[Any]:
    """Return the results; a check that could not run is an error."""
    for one in validated.results:
        if not one.success and _raised(one.exception_info):
            raise ContractError(
                f"the check {one.expectation_config.type} could not run",
                step=STEP,
                where=str(one.expectation_config.kwargs.get("column", "")),
                remedy="this is a fault of Paddock's own suite: please report it",
            )
    return list(validated.results)


def _raised(info: Mapping[str, Any]) -> bool:
    nested = [one for one in info.values() if isinstance(one, Mapping)]
    return bool(info.get("raised_exception")) or any(map(_raised, nested))


def _failing_rows(batch: Any, config: Any, rows: int) -> list[int]:
    """Run one expectation again, now listing its rows; none listed means all rows."""
    result = batch.validate(
        config.to_domain_obj(),
        # COMPLETE would list them too, ten times slower.
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": rows,
            "unexpected_index_column_names": ["row"],
        },
    )
    listed = result.result.get("partial_unexpected_index_list") or []
    return sorted({int(one["row"]) for one in listed}) or list(range(rows))


def _name(config: Any) -> tuple[str, str]:
    return str(config.type), str(config.kwargs.get("column", ""))


def _reason(config: Any) -> str:
    rule = str(config.type).removeprefix("expect_column_values_to_").removeprefix("expect_")
    said = f"{config.kwargs.get('column', 'table')} must {rule.replace('_', ' ')}"
    if rule == "be_between" and (most := config.kwargs.get("max_value")) is not None:
        return f"{said} {config.kwargs['min_value']:,.16g} and {most:,.16g}"
    return said


def _total(config: Any, row: Mapping[str, float | None]) -> str:
    column = str(config.kwargs["column"])
    value, least = row[column], config.kwargs.get("min_value")
    if value is None:
        return f"{column} cannot be told"
    most = config.kwargs.get("max_value")
    wanted = f"between {least:g} and {most:g}" if most is not None else f"at least {least:g}"
    return f"{column} is {value:g}, must be {wanted}"
