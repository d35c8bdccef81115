"""Cleaning up as the weekly schedule does: it deletes, says what, and keeps off others' work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from flows.asking.cleaning_parameters import CleanParameters
from tests.flows.living.conftest import Ended, done, table_rows

Run = Callable[..., Ended]


@pytest.fixture
def flow(
    prefect_server: None,
    aged: Path,
    home_environment: Callable[[Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Return a function that cleans up as a schedule does; the home is another if it is named."""
    from flows.cleaning import clean

    def run(place: Path = aged, **asked: Any) -> Any:
        for name, value in home_environment(place).items():
            monkeypatch.setenv(name, value)
        return clean(CleanParameters(**asked), return_state=True)

    return run


def test_the_schedule_deletes_and_says_on_a_page_what_that_freed(
    aged: Path, flow: Callable[..., Any], terminal: Run, tmp_path: Path
) -> None:
    fresh = flow(tmp_path / "fresh", apply=True)
    assert (fresh.name, fresh.message, fresh.result()) == ("Completed", "Nothing can go.", 0)
    said = flow()
    assert said.message and said.message.startswith("2 can go, which frees")
    before = sum(path.stat().st_size for path in (aged / "store").rglob("*") if path.is_file())
    ended = flow(apply=True)
    assert ended.message and ended.message.startswith("Deleted 2, which frees")
    after = sum(path.stat().st_size for path in (aged / "store").rglob("*") if path.is_file())
    assert before - after >= ended.result() > 0
    assert "Nothing can go." in done(terminal(aged, "clean"))
    with get_client(sync_client=True) as client:
        pages = [one.data for one in client.read_artifacts() if one.key == "clean"]
    page = next(page for page in map(str, pages) if "Deleted 2" in page)
    assert ("stays", "model", "it serves") in table_rows(page)
    assert f"**{ended.message}**" in page


def test_a_store_that_others_share_is_left_alone_while_they_work(
    aged: Path, flow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another home's locks are not seen here; Prefect knows its runs."""
    from prefect import flow as made
    from prefect.settings import get_current_settings

    from flows import cleaning
    from tasks.storage.objects import LocalStore

    seen: list[Any] = []
    local = LocalStore.local_path

    def elsewhere(store: LocalStore, key: str) -> Path | None:
        return local(store, key) if key else None

    monkeypatch.setattr(LocalStore, "local_path", elsewhere)
    monkeypatch.setenv("PREFECT_API_URL", str(get_current_settings().api.url))
    monkeypatch.setenv("PADDOCK_HOME", str(aged))
    given = (CleanParameters(apply=True),)

    @made(name="retrain", flow_run_name="desk retrain of another home")
    def retrain() -> None:
        seen.append(cleaning.clean(*given, return_state=True))

    retrain()
    assert seen[0].message and "while others work: desk retrain of another home" in seen[0].message
    assert "Nothing can go." in seen[0].message
    alone = cleaning.clean(*given, return_state=True)
    assert alone.message and alone.message.startswith("Deleted 2, which frees")
