#!/usr/bin/env bash
# What Prefect's client reads of an automation cannot be given back to it with one word changed.
#
# With: prefect 3.8.8. `read_automations_by_name` returns an Automation, which is the AutomationCore
# that `update_automation` asks for and more: it has an `id`. The client sends every field, and its
# own server refuses the one.
# Seen: 422 "Extra inputs are not permitted" for body.id; the same change is taken as a plain
# AutomationCore.
# Held by: tests/flows/servers/test_automations.py::test_they_are_made_by_the_blocks_that_are_set_and_what_people_changed_stays
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  prefect==3.8.8 fastapi==0.150.0

export PREFECT_HOME="$folder/home" PREFECT_SERVER_ALLOW_EPHEMERAL_MODE=true
export PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=CRITICAL
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=180
"$folder/venv/bin/python" - 2> "$folder/chatter" <<'PYTHON'
from importlib.metadata import version

from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import PrefectHTTPStatusError

WANTED = {
    "name": "count",
    "trigger": {
        "type": "event",
        "posture": "Reactive",
        "expect": ["orders.placed"],
        "threshold": 3,
        "within": 60,
    },
    "actions": [{"type": "do-nothing"}],
}


def updated(client, identity, automation):
    try:
        client.update_automation(identity, automation)
    except PrefectHTTPStatusError as error:
        (first, *_) = error.response.json()["exception_detail"]
        return f"{error.response.status_code} {first['msg']}: {'.'.join(first['loc'])}"
    return "taken"


print("prefect", version("prefect"))
with get_client(sync_client=True) as client:
    core = AutomationCore.model_validate(WANTED)
    client.create_automation(core)
    (read,) = client.read_automations_by_name("count")
    found = {
        "as it was read": updated(client, read.id, read.model_copy(update={"description": "a"})),
        "as a core": updated(client, read.id, core.model_copy(update={"description": "b"})),
    }
    (after,) = client.read_automations_by_name("count")
print(*(f"{kind}: {told}" for kind, told in found.items()), sep="\n")
assert found == {
    "as it was read": "422 Extra inputs are not permitted: body.id",
    "as a core": "taken",
}, found
assert after.description == "b", after.description
PYTHON
