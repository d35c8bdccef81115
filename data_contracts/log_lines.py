"""Lines of the inference log whose row is right as it stands, read in one call.

`LogRow` reads values in many forms and so calls our functions several times a row. Most lines need
none of that: here the same fields, with the same limits, are read and checked by pydantic's own
code, straight from the bytes, in a third of the time. Whatever it does not take is no verdict:
`read_row` decides on it and says why. Tests hold the two against each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from data_contracts.inference_log import ALIASES, LogRow
from data_contracts.records import without_ends

_ISO = r"^\d{4}-"  # a count since 1970 has no dash: those are read by LogRow's own rule
_WORD = 2**63  # longer numbers are LogRow's, too
_STREAK = 32  # lines of another form, after which only every so-many-th is tried


def plain_row(line: bytes) -> LogRow | None:
    """Return the row of a line of JSON, or None where it takes a closer look to tell.

    What comes back equals what `read_row` makes of the line; it has no field that nobody reads.
    """
    try:
        row: LogRow = _validator().validate_json(line)
    except ValidationError:
        return None
    first, whole = row.first_token_seconds, row.seconds
    if first is not None and whole is not None and first > whole:
        return None
    if not 1 < row.time.year < 9999:  # in another zone it may be no year at all
        return None
    # The parser takes what is no JSON; in any other field such a number was refused above.
    loose = row.messages or row.hits or row.feedback
    return None if loose and (b"NaN" in line or b"Infinity" in line) else row


class PlainRows:
    """Reads the lines of one file, and hardly tries where its writer's form is another one.

    To try and fail costs a third of the closer look, so a file of such lines would take longer.
    """

    def __init__(self) -> None:
        self._missed = 0

    def __call__(self, line: bytes) -> LogRow | None:
        """Return what `plain_row` does, or None where it was not tried."""
        if self._missed >= _STREAK and self._missed % _STREAK:
            self._missed += 1
            return None
        row = plain_row(line)
        self._missed = self._missed + 1 if row is None else 0
        return row


@cache
def _validator() -> SchemaValidator:
    """Return LogRow's schema without the calls around it, and with its fields' other names."""
    inner: Any = LogRow.__pydantic_core_schema__
    while inner["type"] != "model-fields":
        inner = inner["schema"]
    fields: dict[str, Any] = {name: {**field} for name, field in inner["fields"].items()}
    for name, schema in _narrowed(fields).items():
        fields[name]["schema"] = schema
    for name, field in fields.items():
        field["schema"] = _absent_if_null(field["schema"])
        others = [[other] for other, ours in ALIASES.items() if ours == name]
        if others:  # of two that stand there the second is one field too many
            field["validation_alias"] = [[name], *others]
    schema: Any = core_schema.model_fields_schema(fields, extra_behavior="forbid")
    return SchemaValidator(core_schema.model_schema(LogRow, schema))


def _narrowed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of those fields that LogRow calls our functions for, without the calls."""
    text = core_schema.str_schema(strict=True)
    number = core_schema.int_schema(strict=True, ge=-_WORD, lt=_WORD)
    numbered = core_schema.chain_schema(
        [number, core_schema.str_schema(coerce_numbers_to_str=True)]
    )
    key = _either(text, numbered)
    iso = core_schema.chain_schema(
        [
            core_schema.str_schema(strict=True, pattern=_ISO),
            core_schema.datetime_schema(tz_constraint="aware"),
        ]
    )
    stripped = core_schema.no_info_after_validator_function(without_ends, text)
    filled = core_schema.str_schema(min_length=1)
    truths = {
        name: core_schema.with_default_schema(
            _either(core_schema.bool_schema(strict=True), fields[name]["schema"]["schema"]),
            default=None,
        )
        for name in ("truncated", "consent")
    }
    return {
        "id": core_schema.chain_schema([key, filled]),
        "version": core_schema.with_default_schema(key, default=""),
        "prompt": core_schema.chain_schema([stripped, filled]),
        "time": _either(iso, fields["time"]["schema"]),
        **truths,
    }


def _absent_if_null(schema: Any) -> Any:
    """Let null be as good as no value in a field that has another default."""
    default = schema.get("default")
    if default is None:
        return schema
    null = core_schema.no_info_after_validator_function(
        lambda _: default, core_schema.none_schema()
    )
    return {**schema, "schema": _either(schema["schema"], null)}


def _either(first: Any, second: Any) -> Any:
    return core_schema.union_schema([first, second], mode="left_to_right")
