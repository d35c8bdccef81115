"""Which outputs may go, over files and over a real S3 server."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.clearing.pieces import Piece, newest_below, size_of
from tasks.clearing.store import judge_outputs
from tasks.storage.objects import LocalStore, open_store
from tasks.storage.outputs import USED, Outputs, Reference
from tasks.storage.stages import BASE, LOST, MODEL, REFUSED, SCORECARD, SNAPSHOT, Stage

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=100)  # as if that long had passed: all that is made now is old
CONTRACT = "c" * 64


@pytest.fixture(params=["files", "s3"])
def outputs(request: pytest.FixtureRequest, tmp_path: Path) -> Outputs:
    if request.param == "files":
        return Outputs(open_store(str(tmp_path / "store")), tmp_path / "work")
    server = request.getfixturevalue("s3_server")
    store = open_store(f"s3://{server.bucket}/{secrets.token_hex(6)}", server.endpoint_url)
    return Outputs(store, tmp_path / "work")


def _make(
    outputs: Outputs,
    stage: Stage,
    text: str,
    inputs: Mapping[str, str] | None = None,
    counts: Mapping[str, int] | None = None,
    **parameters: Any,
) -> Reference:
    def make(folder: Path) -> Mapping[str, int]:
        (folder / "file.txt").write_text(text)
        return counts or {}

    return outputs.build(stage.of(inputs or {"text": text}, parameters), make).reference


def _judged(
    outputs: Outputs,
    needed: Mapping[str, str] | None = None,
    cutoff: datetime = LATER,
    retention: Mapping[str, int] | None = None,
    at_work: bool = False,
) -> dict[str, Piece]:
    found = judge_outputs(outputs, needed or {}, retention or {}, cutoff, at_work=at_work)
    return {piece.name: piece for piece in found}


def test_what_something_that_stays_was_made_of_stays(outputs: Outputs) -> None:
    base, other = _make(outputs, BASE, "base"), _make(outputs, BASE, "other base")
    rows = _make(outputs, SNAPSHOT, "rows")
    model = _make(outputs, MODEL, "model", {"base": base.digest, "snapshot": rows.digest})
    tried = _make(outputs, MODEL, "tried", {"base": other.digest, "snapshot": rows.digest})
    card = _make(outputs, SCORECARD, "card", {"candidate model": model.digest})
    beside = _make(
        outputs,
        SCORECARD,
        "beside",
        {"candidate model": tried.digest, "champion model": model.digest},
    )
    lost = _make(outputs, LOST, "lost", {"scorecard": card.digest})
    found = _judged(outputs, {model.digest: "it serves"})
    goes = {name for name, piece in found.items() if piece.remove}
    assert goes == {other.key, tried.key, beside.key}
    assert found[model.key].why == "it serves"
    assert {found[one.key].why for one in (base, rows)} == {"what stays was made of it"}
    assert {found[one.key].why for one in (card, lost)} == {"it tells of what stays"}
    assert all(piece.remove is None for piece in _judged(outputs, at_work=True).values())
    assert all(
        piece.remove is None
        for piece in _judged(outputs, cutoff=NOW - timedelta(minutes=1)).values()
    )
    for name in goes:
        remove = found[name].remove
        assert remove and remove()
    assert set(_judged(outputs, {model.digest: "it serves"})) == set(found) - goes
    assert list(outputs.store.keys(tried.key)) == []
    again = _make(outputs, MODEL, "tried", {"base": other.digest, "snapshot": rows.digest})
    assert again == tried


def test_rows_that_were_held_back_go_by_their_contract_alone(outputs: Outputs) -> None:
    held = {"quarantined": 3}
    kept = _make(outputs, SNAPSHOT, "kept", counts=held)
    bound = _make(outputs, SNAPSHOT, "bound", counts=held, contract=CONTRACT)
    plain = _make(outputs, SNAPSHOT, "plain", counts={"quarantined": 0})
    refused = _make(outputs, REFUSED, "refused")
    found = _judged(outputs)
    assert {name for name, piece in found.items() if piece.remove} == {plain.key}
    why = "rows that were held back are somebody's to decide on"
    assert {found[one.key].why for one in (kept, bound, refused)} == {why}
    assert _judged(outputs, retention={CONTRACT: 365})[bound.key].why.startswith("made or used")
    assert plain.key in _judged(outputs)


def test_what_is_used_or_made_meanwhile_is_not_removed(outputs: Outputs) -> None:
    model = _make(outputs, MODEL, "tried")
    (outputs.work / USED / model.key).unlink(missing_ok=True)
    cutoff = datetime.now(UTC) + timedelta(milliseconds=20)
    remove = _judged(outputs, cutoff=cutoff)[model.key].remove
    assert remove
    with outputs.alone(model.key) as alone:
        assert alone
        assert not remove()  # somebody is about to make it
    time.sleep(0.1)  # the clock of files is a coarse one
    outputs.fetch(model)
    assert not remove()  # somebody has used it since
    assert outputs.fetch(model).exists()


def test_what_goes_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    """A run beside it takes its work folders away, and `clean` has listed them just before."""
    gone = tmp_path / "work/model/abc"
    before = time.time()
    assert size_of(gone) == 0
    assert newest_below(gone) >= before  # somebody is at work with it: not old


def test_a_store_is_listed_while_folders_in_it_come_and_go(tmp_path: Path) -> None:
    """Pathlib's own walk raises on Python 3.11 where a folder goes between two of its looks."""
    store = LocalStore(tmp_path)
    store.write("model/stays/weights", b"w")
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            for name in "abcdefgh":
                (tmp_path / "model" / name / "deep/er").mkdir(parents=True)
            for name in "abcdefgh":
                shutil.rmtree(tmp_path / "model" / name)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(300):
            assert "model/stays/weights" in set(store.keys("model"))
    finally:
        done.set()
        other.join()
