"""The ledger's table: rows in one order, one winner of each place, and no way to change one."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from data_contracts.errors import InputError, IntegrityError, PaddockError
from model_registry.ledger.book import Ledger, LostRaceError
from model_registry.ledger.rows import Approver, Row, Served, next_row
from tests.ledgers import KINDS, execute, ledger_database

ROOM = Path(__file__).resolve().parents[3] / "model_registry"


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ledger_database(request.param, tmp_path) as found:
        yield found


def _row(last: Row | None, **changed: Any) -> Row:
    number = last.sequence + 1 if last else 1
    facts: dict[str, Any] = {
        "name": "desk",
        "action": "promote",
        "serves": Served(
            version=number,
            run="r" * 32,
            digest=f"{number}" * 64,
            files_digest="f" * 64,
            candidate=number + 10,
            dossier="d" * 64,
        ),
        "previous": last.sequence if last else None,
        "people": (Approver(seat="release", person="Zoë", at="2026-11-28", reason="it’s right"),),
        "reason": "approved by Zoë",
        "by": "promoter",
        "at": "2026-11-28T10:00:00.000+00:00",
    }
    return next_row(last, **(facts | changed))


def _written(ledger: Ledger, count: int = 3) -> list[Row]:
    rows: list[Row] = []
    for _ in range(count):
        rows.append(_row(rows[-1] if rows else None))
        ledger.append(rows[-1])
    return rows


def test_rows_come_back_as_they_were_written(address: str) -> None:
    rows = _written(Ledger(address))
    nothing = _row(rows[-1], action="out of service", serves=None, people=(), previous=2)
    Ledger(address).append(nothing)
    other = _row(None, name="bells")
    Ledger(address).append(other)
    ledger = Ledger(address)
    assert ledger.rows("desk") == (*rows, nothing)
    assert ledger.rows("desk")[-1].version is None
    assert ledger.rows("bells") == (other,)
    assert ledger.rows("nobody") == ()
    assert ledger.names() == ["bells", "desk"]


def _appended(address: str, row: Row) -> Row | LostRaceError:
    try:
        Ledger(address).append(row)
    except LostRaceError as refusal:
        return refusal
    return row


def test_of_many_that_follow_one_row_one_is_written(address: str) -> None:
    """The first row ever, too, for which all of them make the table."""
    last: Row | None = None
    for _ in range(3):
        start = threading.Barrier(16)

        def follow(number: int, last: Row | None = last, start: threading.Barrier = start) -> Any:
            row = _row(last, by=f"writer {number}")
            start.wait()
            return _appended(address, row)

        with ThreadPoolExecutor(16) as pool:
            ended = list(pool.map(follow, range(16)))
        (won,) = (one for one in ended if isinstance(one, Row))
        lost = [one for one in ended if isinstance(one, LostRaceError)]
        assert len(lost) == 15
        assert {refusal.what for refusal in lost} == {
            f"another release went first (promote by {won.by}): nothing was moved"
        }
        last = won
    assert [row.sequence for row in Ledger(address).rows("desk")] == [1, 2, 3]


def test_rows_are_written_all_or_none(address: str) -> None:
    rows = _written(Ledger(address), 2)
    third = _row(rows[-1])
    taken = _row(rows[0], by="somebody else")
    with pytest.raises(LostRaceError):
        Ledger(address).append(third, taken)
    assert Ledger(address).rows("desk") == tuple(rows)


CHANGES = {
    "action": "'rollback'",
    "version": "7",
    "run": "'x'",
    "digest": "'x'",
    "files_digest": "'x'",
    "candidate": "NULL",
    "dossier": "'x'",
    "previous": "NULL",
    "people": "'[]'",
    "reason": "'x'",
    "acted_by": "'x'",
    "at": "'2026-01-01'",
    "before": "'x'",
    "hash": "'x'",
    "name": "'other'",
    "sequence": "9",
}


@pytest.mark.parametrize("column", CHANGES)
def test_any_change_of_a_row_is_found(address: str, column: str) -> None:
    ledger = Ledger(address)
    _written(ledger)
    change = f'UPDATE release_ledger SET "{column}" = {CHANGES[column]} WHERE sequence = 2'
    execute(address, change, guarded=False)
    with pytest.raises(IntegrityError, match=r"row [29] of desk (was changed|is missing)"):
        ledger.rows("desk")


@pytest.mark.parametrize("value", ["not JSON", '[{"seat": 1}]', "{}"])
def test_people_that_cannot_be_read_are_a_change(address: str, value: str) -> None:
    _written(Ledger(address))
    change = f"UPDATE release_ledger SET people = '{value}' WHERE sequence = 3"
    execute(address, change, guarded=False)
    with pytest.raises(IntegrityError, match="row 3 of desk was changed"):
        Ledger(address).rows("desk")


@pytest.mark.parametrize("number", [1, 2])
def test_a_row_that_was_taken_out_is_found(address: str, number: int) -> None:
    _written(Ledger(address))
    execute(address, f"DELETE FROM release_ledger WHERE sequence = {number}", guarded=False)
    with pytest.raises(IntegrityError, match=f"row {number} of desk is missing"):
        Ledger(address).rows("desk")


def test_a_row_that_was_put_in_is_found(address: str) -> None:
    """With a hash that is right for what it says, behind a row that it was not written after."""
    ledger = Ledger(address)
    rows = _written(ledger, 2)
    ledger.append(_row(_row(rows[0], by="somebody else")))
    with pytest.raises(IntegrityError, match="row 3 of desk does not follow"):
        ledger.rows("desk")


@pytest.mark.parametrize(
    "statement", ["UPDATE release_ledger SET reason = 'x'", "DELETE FROM release_ledger"]
)
def test_the_database_refuses_to_change_a_row(address: str, statement: str) -> None:
    rows = _written(Ledger(address))
    with pytest.raises(DBAPIError, match="append-only"):
        execute(address, statement)
    assert Ledger(address).rows("desk") == tuple(rows)


def test_nothing_here_changes_a_row() -> None:
    sources = [path.read_text() for path in ROOM.rglob("*.py")]
    assert len(sources) > 20
    wanted = re.compile(r"from sqlalchemy[^\n]*\b(update|delete)\b|UPDATE release|DELETE FROM")
    assert [text for text in sources if wanted.search(text)] == []


def test_looking_makes_no_ledger(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/there/ledger.db")
    assert (ledger.rows("desk"), ledger.names()) == ((), [])
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_does_not_answer_is_said_without_its_password() -> None:
    ledger = Ledger("postgresql://paddock:secret@127.0.0.1:9/ledger?connect_timeout=2")
    for act in (lambda: ledger.rows("desk"), lambda: ledger.append(_row(None))):
        with pytest.raises(PaddockError, match="release ledger does not answer") as error:
            act()
        assert error.value.where == "postgresql://127.0.0.1:9/ledger"
        assert "secret" not in str(error.value)


def test_an_address_that_cannot_be_used_is_said() -> None:
    for address in ("ledger.db", "mysterious://host/ledger"):
        with pytest.raises(InputError, match="address cannot be used"):
            Ledger(address).rows("desk")
