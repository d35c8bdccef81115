#!/usr/bin/env bash
# The idempotency key of a run that crashed gives that dead run back for ever; nothing starts.
#
# With: prefect 3.8.8. Whoever starts "one retraining for this drift" with a key made of the drift
# alone gets the run that crashed each time it tries again, with no error.
# Seen: the second call returns the same id, in the state CRASHED.
# Held by: tests/tasks/drift/test_drift_triggers.py::test_a_crash_opens_the_next_attempt_and_the_first_word_on_it_stands
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  prefect==3.8.8 fastapi==0.150.0

export PREFECT_HOME="$folder/home" PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=true
export PREFECT_SERVER_ANALYTICS_ENABLED=false
"$folder/venv/bin/python" - <<'PYTHON'
from prefect import __version__, flow
from prefect.client.orchestration import get_client
from prefect.states import Crashed


def train() -> None:
    """Stand for a training."""


with get_client(sync_client=True) as client:
    deployment = client.create_deployment(client.create_flow(flow(train)), "retrain")
    first = client.create_flow_run_from_deployment(deployment, idempotency_key="drift-1")
    client.set_flow_run_state(first.id, Crashed(), force=True)
    again = client.create_flow_run_from_deployment(deployment, idempotency_key="drift-1")
    other = client.create_flow_run_from_deployment(deployment, idempotency_key="drift-1-again")
print(f"prefect {__version__}: {first.id} crashed; the same key gave {again.id}, {again.state.name}")
assert again.id == first.id and again.state.is_crashed(), "not as it was seen"
assert other.id != first.id, "not as it was seen"
PYTHON
