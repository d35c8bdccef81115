"""The contract of a data set: what its rows, and all of them together, must be like to train on.

Frozen values; `contract_files` reads them. Writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.records import Frozen

PiiKind = Literal[
    "EMAIL", "PHONE", "HANDLE", "CARD", "IBAN", "ACCOUNT", "SSN", "TAX_ID", "NATIONAL_ID",
    "HEALTH_ID", "PASSPORT", "LICENSE", "IP", "MAC", "CRYPTO", "URL", "SECRET", "DATE_OF_BIRTH",
    "ADDRESS", "PERSON", "LOCATION", "ORGANIZATION",
]  # fmt: skip
PII_KINDS: tuple[PiiKind, ...] = get_args(PiiKind)
Policy = Literal["replace", "hash", "mask", "drop", "keep", "surrogate"]
# Another secret of the same shape would teach a model to write secrets.
NO_SURROGATE: tuple[PiiKind, ...] = ("SECRET", "URL", "CRYPTO")
Consistent = Literal["record", "data set"]
Treatment = Literal["keep", "quarantine"]
SIZES = {kind: ("tokens", *schema.size_names()) for kind, schema in KINDS.items()}


def _is_none(value: Any) -> bool:
    return value is None


def _is_empty(value: object) -> bool:
    return value == ""


def _is_strict(value: object) -> bool:
    return value == "strict"


def _is_record(value: object) -> bool:
    return value == "record"


class Range(Frozen):
    """Both ends belong to it; a TOML file may also write `[min, max]`."""

    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, given: Any) -> Any:
        if isinstance(given, list):
            if len(given) != 2:
                raise ValueError("write [min, max]")
            return {"min": given[0], "max": given[1]}
        return given

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.min > self.max:
            raise ValueError("min is greater than max")
        return self


class Language(Frozen):
    """Languages allowed (ISO 639-1; none means any) and the least share of rows in one of them."""

    allowed: tuple[str, ...] = ()
    min_share: float = Field(default=0.0, ge=0, le=1)

    @field_validator("allowed")
    @classmethod
    def _codes(cls, allowed: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(code) != 2 or not code.islower() for code in allowed):
            raise ValueError("give ISO 639-1 codes of two small letters, such as en")
        return allowed


class Duplicates(Frozen):
    """From which Jaccard index rows are near-duplicates, and which share of the rows may be.

    The share counts exact and near-duplicates among the rows that could be read; more than half of
    them is rather a mistake than a habit of the source.
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    max_share: float = Field(default=0.5, ge=0, le=1)


class Labels(Frozen):
    """A source column that holds a label, and the greatest share that one label may have."""

    column: str = Field(min_length=1)
    max_share: float = Field(gt=0, le=1)


class Freshness(Frozen):
    """A source column that holds a time, and how old the newest row may be.

    `min_share` of the rows must have a time that can be read.
    """

    column: str = Field(min_length=1)
    max_age_days: float = Field(gt=0)
    min_share: float = Field(default=1.0, ge=0, le=1)


class Quarantine(Frozen):
    """The greatest share of rows that may be quarantined."""

    max_share: float = Field(default=0.5, ge=0, le=1)


class FlagRules(Frozen):
    """What becomes of flagged rows. Kept rows bear their flags as columns and are counted."""

    toxic: Treatment = "keep"
    prompt_injection: Treatment = "keep"
    language: Treatment = "keep"
    toxic_from: float = Field(default=0.8, gt=0, le=1)


class Backdoors(Frozen):
    """How many phrases may be suspected of a backdoor: of going with one answer, whatever else."""

    max_suspects: int = Field(default=0, ge=0)


class Privacy(Frozen):
    """Whose data it is and how long it may stay; for people, except `subject` and `names`.

    `subject` names the source column with the key of the person a row belongs to; with it
    `paddock forget` finds their rows. `names` says what becomes of a row in a language that no
    names model reads: it is held back, or it is kept with the names in it that nothing announces.
    """

    subject: str = ""
    names: Literal["strict", "forms"] = Field(default="strict", exclude_if=_is_strict)
    retention_days: int | None = Field(default=None, gt=0)
    residency: str = ""
    owner: str = ""
    notes: str = ""


class DatasetContract(Frozen):
    """What a data set must be like; `lengths` bounds sizes, `empty` the share of empty fields.

    `extra_columns` are those that neither a field of the kind is read from nor the contract names.
    They are never kept; public data sets carry many, so they are ignored unless it says quarantine.
    `consistent`, which a file writes under `[redaction]`, says how far the same value gets the same
    placeholder or surrogate.
    `synthetic` is the source column in which a row that a model wrote names the row it is made of,
    by its id; it goes where that one goes (`paddock augment` writes it).
    """

    name: str
    kind: RecordKind
    rows: Range = Range(min=10, max=50_000_000)
    lengths: dict[str, Range]
    empty: dict[str, float] = Field(default_factory=dict)
    roles: Literal["alternate", "user_first", "answered", "any"] = "alternate"
    language: Language = Language()
    duplicates: Duplicates = Duplicates()
    labels: Labels | None = None
    freshness: Freshness | None = None
    quarantine: Quarantine = Quarantine()
    synthetic: str = Field(default="", exclude_if=_is_empty)
    extra_columns: Literal["ignore", "quarantine"] = "ignore"
    flags: FlagRules = FlagRules()
    backdoors: Backdoors | None = Field(default=None, exclude_if=_is_none)
    redaction: dict[PiiKind, Policy] = Field(default_factory=dict, validate_default=True)
    consistent: Consistent = Field(default="record", exclude_if=_is_record)
    privacy: Privacy = Privacy()

    @model_validator(mode="before")
    @classmethod
    def _under_redaction(cls, given: Any) -> Any:
        table = given.get("redaction") if isinstance(given, dict) else None
        if not isinstance(table, dict) or "consistent" not in table:
            return given
        rest = {name: value for name, value in table.items() if name != "consistent"}
        return given | {"redaction": rest, "consistent": table["consistent"]}

    @field_validator("redaction", mode="before")
    @classmethod
    def _every_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rest = given.get("default", "replace")
        named = {kind: policy for kind, policy in given.items() if kind != "default"}
        asked = sorted(kind for kind in NO_SURROGATE if named.get(kind) == "surrogate")
        if asked:
            raise ValueError(
                f"{', '.join(asked)}: a secret gets no surrogate, for a model would learn to write "
                "such; say replace, hash, mask or drop"
            )
        every = {kind: rest for kind in PII_KINDS}
        if rest == "surrogate":
            every |= dict.fromkeys(NO_SURROGATE, "replace")
        return every | named

    @model_validator(mode="after")
    def _known_columns(self) -> DatasetContract:
        _require_known("lengths", self.lengths, SIZES[self.kind])
        schema = KINDS[self.kind]
        fields = schema.model_fields.items()
        optional = [name for name, field in fields if not field.is_required()]
        _require_known("empty", self.empty, optional)
        if any(not 0 <= share <= 1 for share in self.empty.values()):
            raise ValueError("empty: a share is between 0 and 1")
        if self.roles != "alternate" and "roles" not in schema.rules(self.roles):
            raise ValueError(f"roles: a record of kind {self.kind} has none to put in order")
        if self.backdoors and not schema.ANSWERS:
            raise ValueError(f"backdoors: a record of kind {self.kind} has no answers")
        about_language = self.flags.language == "quarantine" or self.language.min_share
        if about_language and not self.language.allowed:
            raise ValueError("language.allowed: say which languages are wanted")
        return self

    @property
    def digest(self) -> str:
        """Return the sha256 (hex) of the contract's canonical JSON, its name left out."""
        content = self.model_dump(mode="json", exclude={"name"})
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Return the source's columns that the contract itself reads."""
        asked = [one.column for one in (self.labels, self.freshness) if one]
        return tuple(filter(None, [self.privacy.subject, self.synthetic, *asked]))


def _require_known(field: str, given: Any, known: Any) -> None:
    if unknown := sorted(set(given) - set(known)):
        there = f"there are {', '.join(known)}" if known else "this kind has none"
        raise ValueError(f"{field}: there is no {', '.join(unknown)}; {there}")
