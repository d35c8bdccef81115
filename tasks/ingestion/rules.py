"""What ingestion does with every row, and the tools it does it with. Values; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from data_contracts.contracts import DatasetContract
from data_contracts.measures import RowFlags
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.limits import Limits


class Redaction(Protocol):
    """A record after redaction (tasks.redaction.findings has it)."""

    @property
    def texts(self) -> list[str]: ...  # noqa: D102
    @property
    def kinds(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def detectors(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def dropped_for(self) -> str | None: ...  # noqa: D102
    @property
    def unread(self) -> str: ...  # noqa: D102
    @property
    def surrogates(self) -> Mapping[str, int]: ...  # noqa: D102


class Redactor(Protocol):
    """What ingestion needs of redaction (tasks.redaction.engine has it)."""

    def redact_records(
        self, records: Sequence[Sequence[str]], subjects: Sequence[str] = ()
    ) -> Sequence[Redaction]:
        """Redact the texts of several records; `subjects` say whose each is, where it is known."""
        ...

    def redact_text(self, text: str) -> str:
        """Redact one text."""
        ...


Flagger = Callable[[Sequence[Sequence[str]]], Sequence[RowFlags]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """What is done with every row; the same for all shards of a snapshot."""

    contract: DatasetContract
    mapping: Mapping[str, str]
    leaks: EvaluationTexts
    subject_key: bytes = field(default=b"", repr=False)
    forgotten: frozenset[str] = frozenset()
    limits: Limits = Limits()  # noqa: RUF009  (frozen)


@dataclass(frozen=True, slots=True)
class Tools:
    """What has to be loaded before rows are worked on."""

    redactor: Redactor
    flagger: Flagger | None = None
