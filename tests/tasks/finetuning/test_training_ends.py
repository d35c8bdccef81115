"""What ends a training before a model is written: its loss, or its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import PaddockError
from tasks.finetuning.readings import require_sound
from tasks.finetuning.recipe import TrainingJob
from tasks.finetuning.train_process import train

MakeJob = Callable[..., TrainingJob]


def test_a_loss_that_explodes_ends_training_with_its_rows() -> None:
    before = [4.0 - 0.05 * step for step in range(60)]
    rows = [f"row-{number}" for number in range(25)]
    high = [*before, 25.0, 28.0]
    require_sound(62, 9.9 * 2.275, 1.0, high, 3, rows)
    with pytest.raises(PaddockError, match=r"from 2\.27 to 30 at step 63, and stays") as error:
        require_sound(62, 30.0, 1.0, high, 3, rows)
    assert error.value.where.startswith("rows row-0, row-1,")
    assert error.value.where.endswith("row-19 and 5 more")
    early = [*before[:10], 25.0, 28.0]
    require_sound(12, 30.0, 1.0, early, 3, rows)  # too early to know what is usual
    require_sound(62, 30.0, 1.0, high, 61, rows)  # it still warms up
    low = [4.0, *[0.02] * 60]
    require_sound(63, 0.5, 1.0, [*low, 0.5, 0.5], 3, rows)  # no worse than where it began
    with pytest.raises(PaddockError, match="gradient became inf at step 2"):
        require_sound(1, 1.0, float("inf"), [4.0], 3, rows)


def test_rows_unlike_the_others_are_no_explosion() -> None:
    """Begun at trained weights the first loss is low, and so are all that follow but theirs."""
    before = [0.2] * 60
    require_sound(60, 3.0, 1.0, before, 3, ())
    require_sound(61, 3.0, 1.0, [*before, 3.0], 3, ())
    require_sound(62, 0.2, 1.0, [*before, 3.0, 3.0], 3, ())
    with pytest.raises(PaddockError, match="loss went from"):
        require_sound(62, 3.0, 1.0, [*before, 3.0, 3.0], 3, ())


def test_rows_that_all_lose_their_answer_are_refused(make_job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(PaddockError, match="no row is left"):
        train(make_job(tmp_path, max_seq_length=16), tmp_path, lambda _: None)
    assert not (tmp_path / "model").exists()


def test_the_last_update_must_leave_a_model_that_still_computes(
    make_job: MakeJob, tmp_path: Path
) -> None:
    """One step only, so no later loss of training can tell."""
    job = make_job(tmp_path, method="full", learning_rate=1e30, max_steps=1)
    with pytest.raises(PaddockError, match="loss became"):
        train(job, tmp_path, lambda _: None)
    assert not (tmp_path / "model").exists()
