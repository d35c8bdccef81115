"""Rows in a language that no names model reads: held back, or kept and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import DatasetContract, Privacy, Quarantine
from data_contracts.errors import ContractError
from data_contracts.snapshot.reading import SnapshotReport, read_quarantine, read_records
from flows.workshop.redactors import RedactorRecipe
from tasks.ingestion.assembly import UNREAD_NAMES
from tasks.ingestion.early_look import require_enough, require_usable
from tasks.ingestion.fitting import Look
from tasks.ingestion.limits import Limits
from tasks.ingestion.sources import resolve
from tasks.redaction.engine import build_redactor
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL

Run = Callable[..., SnapshotReport]
HELD = UNREAD_NAMES.format("de")


def _row(number: int) -> dict[str, Any]:
    german = number % 2
    ask = "Wo ist die Bestellung mit der Nummer" if german else "Where is the parcel number"
    told = "Sie ist noch nicht angekommen, Herr Brandt" if german else "It is on its way"
    turns = [("user", f"{ask} {number}?"), ("assistant", f"{told}, {number * 7}.")]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


@pytest.fixture
def source(write_jsonl: Callable[..., Path]) -> Path:
    return write_jsonl(map(_row, range(24)))


def _contract(**changes: Any) -> DatasetContract:
    return default_contract("chat").model_copy(update=changes)


def test_strict_holds_them_back_redacted_and_people_may_let_them_out(
    run_ingest: Run, source: Path, tmp_path: Path
) -> None:
    redactor = build_redactor()
    own = _contract(quarantine=Quarantine(max_share=1))
    report = run_ingest(source, contract=own, redactor=redactor)
    assert report.quarantined == {HELD: 12}
    assert (report.kept, report.names_unread) == (12, {})
    held = list(read_quarantine(tmp_path / "out"))
    assert all("Bestellung" in one["row"] and "Brandt" not in one["row"] for one in held)
    free = frozenset(one["id"] for one in held[:2])
    again = run_ingest(
        source, contract=own, redactor=redactor, released=free, out=tmp_path / "again"
    )
    assert (again.kept, again.names_unread) == (14, {"de": 2})


def test_a_usual_contract_stops_where_all_are(
    run_ingest: Run, write_jsonl: Callable[..., Path]
) -> None:
    source = write_jsonl(_row(2 * number + 1) for number in range(24))
    with pytest.raises(ContractError, match="kept is 0") as caught:
        run_ingest(source, kind="chat", redactor=build_redactor())
    assert f"held back, 24 rows: {HELD}" in str(caught.value)


def test_forms_keep_them_and_count_them(run_ingest: Run, source: Path, tmp_path: Path) -> None:
    own = _contract(privacy=Privacy(names="forms"))
    report = run_ingest(source, contract=own, redactor=build_redactor(unread="forms"))
    assert (report.kept, report.names_unread) == (24, {"de": 12})
    texts = [" ".join(record.texts()) for _, record in read_records(tmp_path / "out")]
    german = [text for text in texts if "Bestellung" in text]
    assert len(german) == 12 and all("Herr <PERSON_1>," in text for text in german)
    assert "| de | 12 |" in (tmp_path / "out" / "report.md").read_text()
    assert "No names model reads these languages" in (tmp_path / "out" / "report.html").read_text()


def test_a_look_says_before_the_work_what_would_be_held_back(source: Path, tmp_path: Path) -> None:
    def look(own: DatasetContract) -> Look:
        resolved = resolve(str(source), None, Limits())
        scratch = tmp_path / "look"
        unread = RedactorRecipe(True, DEFAULT_NAMES_MODEL, ()).unread_language
        return require_usable(resolved, own, {}, Limits(), scratch, str, None, unread)

    found = look(_contract())
    assert found.words() == [
        "no names model reads the language of 12 of the first 24 rows, so they are held back: "
        "de (12)"
    ]
    less = _contract(quarantine=Quarantine(max_share=0.2))
    with pytest.raises(ContractError, match="no names model reads the language of 12, more than"):
        require_enough(look(less), less, "rows.jsonl")
    forms = less.model_copy(update={"privacy": Privacy(names="forms")})
    require_enough(look(forms), forms, "rows.jsonl")
    assert "names stay in them" in look(forms).words()[0]


def test_a_contract_that_says_nothing_has_the_digest_it_had() -> None:
    assert _contract(privacy=Privacy()).digest == _contract().digest
    assert _contract(privacy=Privacy(names="forms")).digest != _contract().digest
