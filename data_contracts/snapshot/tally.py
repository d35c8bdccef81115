"""Adds up the measures of the rows kept into what a snapshot's report says of them all.

Holds counts only, whatever the number of rows. Writes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from data_contracts.contracts import SIZES, DatasetContract
from data_contracts.errors import ContractError
from data_contracts.lengths import ESTIMATE, bucket
from data_contracts.measures import UNDETERMINED

MAX_LABELS = 10_000


class Tally:
    """Feed it the measures (`data_contracts.measures.measure`) of every row kept."""

    def __init__(self, contract: DatasetContract, tokens_by: str = ESTIMATE) -> None:
        self._contract, self._tokens_by = contract, tokens_by
        self._lengths: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._flags: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._empty: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._timed, self._newest = 0, 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row; ContractError if the labels are so many that they are none."""
        for name in SIZES[self._contract.kind]:
            size = row[name]
            self._lengths[name][bucket(size)] += 1
            if not size and name.endswith("_characters"):
                self._empty[name.removesuffix("_characters")] += 1
        if "language" in row:
            self._flag(row)
        if label := row.get("label"):
            self._labels[label] += 1
            self._require_labels()
        if (time := row.get("time")) is not None:
            self._timed += 1
            self._newest = max(self._newest, time)

    def _flag(self, row: Mapping[str, Any]) -> None:
        language, allowed = row["language"], self._contract.language.allowed
        self._languages[language] += 1
        raised = {
            "toxic": row["toxicity"] >= self._contract.flags.toxic_from,
            "prompt_injection": bool(row["prompt_injection"]),
            "language": bool(allowed) and language not in (*allowed, UNDETERMINED),
        }
        for name, is_raised in raised.items():
            self._flags[name] += is_raised

    def _require_labels(self) -> None:
        if len(self._labels) > MAX_LABELS:
            raise ContractError(
                f"the label column has more than {MAX_LABELS:,} different labels",
                step="data contract",
                where="labels.column",
                remedy="name a column of few labels, or leave labels out of the contract",
            )

    def fields(self) -> dict[str, Any]:
        """Return the fields of a SnapshotReport that follow from the rows."""
        newest = datetime.fromtimestamp(self._newest, UTC).isoformat() if self._timed else None
        return {
            "flags": dict(sorted(self._flags.items())),
            "languages": dict(sorted(self._languages.items())),
            "lengths": {name: dict(sorted(sizes.items())) for name, sizes in self._lengths.items()},
            "tokens_by": self._tokens_by,
            "empty": dict(sorted(self._empty.items())),
            "largest_label": max(self._labels.values(), default=0),
            "timed": self._timed,
            "newest": newest,
        }
