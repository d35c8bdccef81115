from __future__ import annotations

import numpy as np
import pytest

from tasks.drift.calibration import SHARES, SIZES, Calibration, calibrate
from tasks.drift.rows import Rows
from tasks.drift.thresholds import Thresholds

BUDGET = Thresholds().budget  # pyright: ignore[reportCallIssue]


@pytest.fixture(scope="module")
def found(reference: Rows) -> Calibration:
    """What can be told with the demo's rows; half of them were held out."""
    places = np.arange(len(reference))
    held = places % 2 == 0
    return calibrate(
        reference.take(places[~held]), reference.take(places[held]), BUDGET, 3, windows=40
    )


def test_more_drift_and_more_rows_are_found_more_often(found: Calibration) -> None:
    power = {
        (chance.rows, chance.new): chance.found for chance in found.chances if not chance.lumpy
    }
    # Larger windows than there are held-out rows to draw say nothing.
    sizes = sorted({size for size, _ in power})
    assert sizes[0] == SIZES[0]
    assert sizes[-1] <= max(found.quiet_rows, SIZES[0])
    assert all(power[size, 0.0] <= 0.05 for size in sizes)
    for size in sizes:
        found_by_share = [power[size, share] for share in (0.0, *SHARES)]
        assert found_by_share == pytest.approx(sorted(found_by_share), abs=0.15)
    assert power[sizes[-1], 0.4] >= 0.4  # some of the topics taken out lie near what is known


def test_windows_come_from_what_was_held_out_if_that_is_enough(
    found: Calibration, reference: Rows
) -> None:
    assert found.held_out
    assert found.quiet_rows <= len(reference) // 4 + 1
    # What becomes new is taken out of the reference, and of the quiet rows what is about it.
    assert 0.3 * len(reference) < found.reference_rows < 0.5 * len(reference)
    some = reference.take(np.arange(400))
    alone = calibrate(some, reference.take(np.arange(10)), BUDGET, 3, windows=2)
    assert not alone.held_out
    assert alone.reference_rows + alone.quiet_rows < 400
