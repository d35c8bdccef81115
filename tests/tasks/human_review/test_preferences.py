from __future__ import annotations

import json
from pathlib import Path

from tasks.human_review.preferences import write_preferences
from tests.reviewing import sampled


def test_what_was_corrected_of_served_answers_becomes_rows(tmp_path: Path) -> None:
    served = [
        sampled(n, models=("served",), prompt=f"Question {n}?", answer=f"Answer {n}.")
        for n in range(3)
    ]
    empty = sampled(9, models=("served",), answer=" ")
    given = [
        (served[0], "Better, ask ada@example.org."),
        (served[0], "Another, by the second look."),
        (served[1], "Answer 1."),
        (served[2], "Best."),
        (empty, "Something."),
        (sampled(5), "Of an eval set."),
    ]
    out = tmp_path / "folder" / "rows.jsonl"
    written = write_preferences(
        given, out, lambda text: text.replace("ada@example.org", "<EMAIL_1>")
    )
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows == [
        {"prompt": "Question 0?", "chosen": "Better, ask <EMAIL_1>.", "rejected": "Answer 0."},
        {"prompt": "Question 2?", "chosen": "Best.", "rejected": "Answer 2."},
    ]
    assert (written.rows, sum(written.left_out.values())) == (2, 4)
    assert set(written.left_out) == {
        "corrected a second time: the first correction stands",
        "of a question of an eval set, which is never trained on",
        "of an empty answer: there is nothing to prefer it to",
        "the same as the answer",
    }
