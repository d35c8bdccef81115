"""A stage's recipe number follows its code: a changed scorer cannot pass for the old one.

`python tests/tasks/storage/stage_sources.py` renews the golden file, once it is decided whether the
number has to be raised with it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.storage.stages import EVERY, Stage
from tests.tasks.storage.stage_sources import GOLDEN, described, sources_digest

RENEW = "python -m tests.tasks.storage.stage_sources"


@pytest.mark.parametrize("stage", EVERY, ids=lambda stage: stage.name)
def test_a_stage_whose_code_changed_says_whether_its_output_does(stage: Stage) -> None:
    golden = json.loads(GOLDEN.read_text())[stage.name]
    assert described(stage) == golden, (
        f"the code that makes {stage.name} is not what it was. If it makes another output of the "
        f"same inputs, raise its number in tasks/storage/stages.py. Then: {RENEW}"
    )


def test_every_stage_has_a_name_of_its_own() -> None:
    assert len({stage.name for stage in EVERY}) == len(EVERY)
    assert set(json.loads(GOLDEN.read_text())) == {stage.name for stage in EVERY}


def test_code_counts_and_words_about_it_do_not(tmp_path: Path) -> None:
    (tmp_path / "scorer.py").write_text('"""Scores."""\n\n\ndef score(x):\n    return x\n')
    stage = Stage("scores", 1, ("scorer",))
    one = sources_digest(stage, tmp_path)
    (tmp_path / "scorer.py").write_text('"""Scores answers."""\n# why\ndef score(x):\n  return x\n')
    assert sources_digest(stage, tmp_path) == one
    (tmp_path / "scorer.py").write_text('"""Scores."""\n\n\ndef score(x):\n    return x + 1\n')
    assert sources_digest(stage, tmp_path) != one
    with pytest.raises(FileNotFoundError):
        sources_digest(replace(stage, made_by=("gone",)), tmp_path)
