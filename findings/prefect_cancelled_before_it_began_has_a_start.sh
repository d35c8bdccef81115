#!/usr/bin/env bash
# A run that its deployment's limit cancels before it begins has a start time all the same.
#
# With: prefect 3.8.8, a deployment with concurrency_limit 1 and the strategy CANCEL_NEW, as nightly
# trainings have. Whoever asks "did it begin?" by start_time counts such a run as a try that failed;
# only run_count tells.
# Seen: CANCELLED, "Deployment concurrency limit reached.", start_time = end_time, run_count 0.
# Held by: tests/flows/test_answering_drift.py::test_a_run_is_an_answer_if_a_new_model_came_out_and_no_try_if_it_never_began
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
from prefect.states import Pending, Running


def train() -> None:
    """Stand for a training that takes hours."""


with get_client(sync_client=True) as client:
    deployment = client.create_deployment(
        client.create_flow(flow(train)),
        "nightly",
        concurrency_limit=1,
        concurrency_options={"collision_strategy": "CANCEL_NEW"},
    )
    first = client.create_flow_run_from_deployment(deployment)
    second = client.create_flow_run_from_deployment(deployment)
    client.set_flow_run_state(first.id, Pending())
    client.set_flow_run_state(first.id, Running())
    client.set_flow_run_state(second.id, Pending())  # as a worker does that takes it
    run = client.read_flow_run(second.id)
print(f"prefect {__version__}: {run.state.type.value}, {run.state.message}")
print(f"start_time {run.start_time}, end_time {run.end_time}, run_count {run.run_count}")
assert run.state.is_cancelled() and run.run_count == 0, "not as it was seen"
assert run.start_time is not None and run.start_time == run.end_time, "not as it was seen"
PYTHON
