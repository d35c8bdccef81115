"""Arrow's values as the ones that Python has, where its own way changes or refuses them.

Needs pyarrow; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_contracts.errors import InputError
from tasks.ingestion.formats import STEP


def batch_rows(batch: Any, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a record batch; InputError for two columns of one name.

    A number of 32 or 16 bits is the shortest one that is it (0.1, and not 0.10000000149011612),
    maps are objects, and a time that Python has no date for is its number.
    """
    names = batch.schema.names
    require_own_names(names, name)
    columns = [_values(column, name) for column in batch.columns]
    for cells in zip(*columns, strict=True):
        yield dict(zip(names, cells, strict=True))


def require_own_names(names: list[str], where: str) -> None:
    """Raise InputError where two columns have one name: one of them would be lost."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(
            f"{len(twice)} columns have a name that another has too",
            step=STEP,
            where=where,
            remedy="give every column a name of its own",
        )


def _values(column: Any, where: str) -> list[Any]:
    try:
        values = column.to_pylist(maps_as_pydicts="strict")
    except (OverflowError, ValueError, KeyError) as error:
        return _as_numbers(column, where, type(error).__name__)
    return [_shortest(value, column.type) for value in values] if _narrow(column.type) else values


def _as_numbers(column: Any, where: str, said: str) -> list[Any]:
    """Return times beyond the year 9999 as the numbers they are stored as."""
    import pyarrow as pa

    if not pa.types.is_temporal(column.type):
        raise InputError(
            f"a column holds a value that cannot be read ({said})",
            step=STEP,
            where=where,
            remedy="write its times within the years 1 to 9999, and each key of a map once",
        )
    wide = pa.int64() if column.type.bit_width == pa.int64().bit_width else pa.int32()
    return column.view(wide).to_pylist()


def _narrow(kind: Any) -> bool:
    """Tell whether a type holds numbers of 32 or 16 bits, at whatever depth."""
    import pyarrow as pa

    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return True
    return any(_narrow(kind.field(number).type) for number in range(kind.num_fields))


def _shortest(value: Any, kind: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    if value is None or not _narrow(kind):
        return value
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        narrow = np.float32 if pa.types.is_float32(kind) else np.float16
        return float(str(narrow(value)))
    if isinstance(value, list):
        return [_shortest(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        return {field.name: _shortest(value[field.name], field.type) for field in kind}
    if isinstance(value, dict):  # a map
        return {key: _shortest(one, kind.item_type) for key, one in value.items()}
    return value
