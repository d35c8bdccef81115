"""The deployment `incident`: a person who is on call and starts it from its form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.incidents.conftest import Bad
from tests.flows.serving.conftest import NAME

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(300)]


def test_the_form_opens_an_incident_and_asks_again(
    bad_hour: Bad, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from flows.investigating import incident

    monkeypatch.setenv("PADDOCK_HOME", str(bad_hour.desk.home))
    form: Any = {"name": NAME, "from": bad_hour.since.isoformat()}
    form |= {"to": bad_hour.until.isoformat(), "names": False, "replayed": 2, "most": 50}
    ended: Any = incident(form, return_state=True)  # as Prefect hands over what a form says
    assert ended.is_completed(), ended.message
    done: Any = ended.result()
    assert done.again == 2
    assert done.page.endswith(f"{done.incident}/incident.html")

    with get_client(sync_client=True) as client:
        pages = [one.data for one in client.read_artifacts() if one.key == "incident"]
    assert f"paddock rollback --name {NAME}" in str(pages[-1])
