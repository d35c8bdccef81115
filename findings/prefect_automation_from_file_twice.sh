#!/usr/bin/env bash
# `prefect automation create --from-file` of the same file a second time makes a second automation.
#
# With: prefect 3.8.8. Deployments, work pools and blocks of the same name are updated; automations,
# which have names as well, are not: each deploy of a file doubles what its automations do.
# Seen: "Created automation 'mark what stopped'" twice, and two of that name in the list.
# Held by: tests/flows/servers/test_pools.py::test_a_pool_and_what_belongs_to_it_are_made_once
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  prefect==3.8.8 fastapi==0.150.0

export PREFECT_HOME="$folder/home" PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=true
export PREFECT_SERVER_ANALYTICS_ENABLED=false
cat > "$folder/automations.yaml" <<'YAML'
name: mark what stopped
trigger:
  type: event
  expect: ["prefect.flow-run.Failed"]
  posture: Reactive
  threshold: 1
  within: 0
actions:
  - type: do-nothing
YAML
for _ in first second; do
  "$folder/venv/bin/prefect" automation create --from-file "$folder/automations.yaml"
done
"$folder/venv/bin/python" - <<'PYTHON'
from prefect import __version__
from prefect.client.orchestration import get_client

with get_client(sync_client=True) as client:
    found = client.request("POST", "/automations/filter", json={}).json()
names = [entry["name"] for entry in found]
print(f"prefect {__version__}: {names}")
assert names == ["mark what stopped"] * 2, "not as it was seen"
PYTHON
