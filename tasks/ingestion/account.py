"""What became of the rows of a snapshot, counted, with a few examples. Writes nothing.

Every text in it is redacted, and there is a bounded number of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.contracts import DatasetContract
from data_contracts.phrases import PhrasesFound
from data_contracts.records import Record, Split
from data_contracts.snapshot.reading import (
    ContractUsed,
    Examples,
    Leak,
    NearDuplicate,
    SnapshotReport,
)
from data_contracts.snapshot.tally import Tally
from tasks.ingestion.duplicates import Seen

_EXAMPLES, _EXAMPLES_A_SET, _SHOWN = 20, 5, 8
_EXAMPLE_CHARACTERS, _SHOWN_CHARACTERS = 200, 1000


class Account:
    """Counts rows as they come; `shown` are some of the rows kept, as text."""

    def __init__(self, contract: DatasetContract) -> None:
        self._contract, self._tally = contract, Tally(contract)
        self.rows_in = self._characters = 0
        self._roles: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._detectors: Counter[str] = Counter()
        self._surrogates: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._names_unread: Counter[str] = Counter()
        self._context_only = self._synthetic = 0
        self._leaks_of: Counter[str] = Counter()
        self._leaks: list[Leak] = []
        self._near: list[NearDuplicate] = []
        self.shown: list[str] = []

    def come(self, role: Split | None) -> None:
        """Count a row that comes in, of the split that its authors gave it."""
        self.rows_in += 1
        if role:
            self._roles[role] += 1

    def keep(self, row: Mapping[str, Any], record: Record, measures: Mapping[str, Any]) -> None:
        """Count a row that is kept."""
        pieces = record.texts()
        self._tally.add(measures)
        self._kinds.update(json.loads(row["redactions"]))
        self._detectors.update(json.loads(row["detectors"]))
        self._surrogates.update(json.loads(row["surrogates"]))
        self._unread.update(row["unread"])
        self._names_unread.update([row["names_unread"]] if row["names_unread"] else [])
        self._synthetic += bool(row.get("synthetic"))
        self._context_only += sum(not turn.target for turn in record.conversation())
        self._characters += sum(map(len, pieces))
        if len(self.shown) < _SHOWN:
            self.shown.append("\n".join(pieces)[:_SHOWN_CHARACTERS])

    def drop(self, row: Mapping[str, Any], place: tuple[str, int]) -> None:
        """Count a row whose fate its shard's work decided."""
        self.fates[row["fate"]] += 1
        if row["fate"] == "contaminated":
            self._leaks_of[row["reason"]] += 1
            if self._leaks_of[row["reason"]] <= _EXAMPLES_A_SET:
                text = row["text"][:_EXAMPLE_CHARACTERS]
                leak = Leak(source=place[0], line=place[1], eval_set=row["reason"], text=text)
                self._leaks.append(leak)

    def drop_near(self, row: Seen, other: Seen, similarity: float) -> None:
        """Count a row that is nearly another one."""
        self.fates["near_duplicates"] += 1
        if len(self._near) < _EXAMPLES:
            self._near.append(
                NearDuplicate(
                    source=row.source,
                    line=row.line,
                    of_source=other.source,
                    of_line=other.line,
                    similarity=round(similarity, 3),
                    of_id=other.id,
                    text=row.beginning(_EXAMPLE_CHARACTERS),
                    of_text=other.beginning(_EXAMPLE_CHARACTERS),
                )
            )

    def report(
        self,
        sources: Mapping[str, str],
        splits: Mapping[Split, int],
        phrases: PhrasesFound,
        notes: Sequence[str] = (),
    ) -> SnapshotReport:
        """Return the whole account."""
        contract, fates = self._contract, self.fates
        return SnapshotReport(
            kind=contract.kind,
            contract=ContractUsed(name=contract.name, digest=contract.digest),
            sources=dict(sources),
            notes=tuple(notes),
            splits_given=dict(sorted(self._roles.items())),
            rows_in=self.rows_in,
            kept=sum(splits.values()),
            quarantined=dict(sorted(self.quarantined.items())),
            duplicates=fates["duplicates"],
            near_duplicates=fates["near_duplicates"],
            contaminated=fates["contaminated"],
            leaks=dict(sorted(self._leaks_of.items())),
            dropped_by_policy=fates["dropped"],
            forgotten=fates["forgotten"],
            redacted=dict(sorted(self._kinds.items())),
            detectors=dict(sorted(self._detectors.items())),
            surrogates=dict(sorted(self._surrogates.items())),
            unread=dict(sorted(self._unread.items())),
            names_unread=dict(sorted(self._names_unread.items())),
            context_only=self._context_only,
            synthetic=self._synthetic,
            splits={split: splits.get(split, 0) for split in ("train", "validation", "test")},
            characters=self._characters,
            phrases=phrases,
            examples=Examples(near_duplicates=tuple(self._near), contaminated=tuple(self._leaks)),
            **self._tally.fields(),
        )
