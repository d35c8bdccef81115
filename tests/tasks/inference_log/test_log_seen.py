"""What was seen of a day's rows: looked up many at once, told as if one by one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.inference_log.items import Item
from tasks.inference_log.seen import Seen


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=900), st.lists(st.integers(0, 400), max_size=300))
def test_many_at_once_are_marked_as_they_are_one_by_one(
    numbers: list[int], later: list[int]
) -> None:
    known = set[int]()
    with TemporaryDirectory() as folder, Seen(Path(folder) / "seen.db") as seen:
        for some in (numbers, later):
            items = [Item("2026-03-01", f"r{number}", None) for number in some]
            marked = list(seen.marked(items))
            assert [item for item, _ in marked] == items
            for (_, new), number in zip(marked, some, strict=True):
                assert new is (number not in known)
                known.add(number)
        assert not any(seen.is_new(f"r{number}") for number in known)
        assert seen.is_new("another")
