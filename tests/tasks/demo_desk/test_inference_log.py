from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from eval_sets.desk import shop
from tasks.demo_desk.conversations import draw_conversations
from tasks.demo_desk.inference_log import draw_log, write_log
from tasks.storage.objects import LocalStore

HOUR = "2026-03-01T14"


def _known() -> set[str]:
    rows = [row for kind in draw_conversations(7).values() for row in kind]
    return {message.content for row in rows for message in row}


def test_a_log_is_the_same_bytes_for_the_same_seed_and_window(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    key = write_log(store, "desk", HOUR, drifted=True)
    first = store.read(key)
    assert key == f"inference/desk/{HOUR}.jsonl"
    assert store.read(write_log(store, "desk", HOUR, drifted=True)) == first
    assert store.read(write_log(store, "desk", HOUR, drifted=True, seed=1)) != first
    assert len({LogRow.model_validate_json(line).id for line in first.splitlines()}) == 200


def test_rows_lie_within_their_window() -> None:
    times = [row.time.isoformat() for row in draw_log(HOUR, drifted=False, rows=30)]
    assert times == sorted(times)
    assert all(time.startswith(HOUR) for time in times)


def test_a_quiet_log_is_a_fresh_draw_of_the_usual_and_a_drifted_one_is_not() -> None:
    quiet, drifted = (draw_log(HOUR, drifted=value) for value in (False, True))
    known = _known()

    def share(rows: list[LogRow]) -> float:
        return sum(row.prompt in known for row in rows) / len(rows)

    assert 0.4 < share(quiet) < 1  # other phrasings of the same facts are new texts
    assert share(drifted) < 0.35
    unknown = [sum(row.answer == shop().unknown for row in rows) for rows in (quiet, drifted)]
    assert unknown[1] > unknown[0] + 50
    assert any("Elektrofahrrad" in row.prompt for row in drifted)


def test_more_rows_than_one_draw_holds_are_drawn_again() -> None:
    assert len(draw_log(HOUR, drifted=False, rows=1500)) == 1500


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no log"):
        draw_log(HOUR, drifted=False, rows=0)
