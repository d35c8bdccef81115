#!/usr/bin/env bash
# Rules about a column's values all pass on a frame without rows: a filter that ate the data is green.
#
# With: great-expectations 1.24.1, an ephemeral context and a pandas frame. "Never null", "is one of"
# and "matches" say success for no rows at all; only a rule about the number of rows notices.
# Seen: True for the three, False for the row count.
# Held by: tests/data_contracts/test_validation.py::test_the_whole_is_bounded
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  great-expectations==1.24.1 pandas==3.1.1

export GX_ANALYTICS_ENABLED=false
"$folder/venv/bin/python" - 2> "$folder/progress" <<'PYTHON'
import great_expectations as gx
import pandas as pd

empty = pd.DataFrame({"answer": pd.Series([], dtype=str)})
source = gx.get_context(mode="ephemeral").data_sources.add_pandas("rows")
asset = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
batch = asset.get_batch({"dataframe": empty})
rules = gx.expectations
found = {
    "not null": rules.ExpectColumnValuesToNotBeNull(column="answer"),
    "one of": rules.ExpectColumnValuesToBeInSet(column="answer", value_set=["yes"]),
    "matches": rules.ExpectColumnValuesToMatchRegex(column="answer", regex="^yes$"),
    "rows": rules.ExpectTableRowCountToBeBetween(min_value=1),
}
found = {name: bool(batch.validate(rule).success) for name, rule in found.items()}
print(f"great-expectations {gx.__version__}: {found}")
assert found == {"not null": True, "one of": True, "matches": True, "rows": False}, found
PYTHON
