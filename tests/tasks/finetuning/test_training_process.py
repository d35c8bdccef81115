"""What the training process refuses, and what it leaves to look up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from model_registry.model_files import load_tokenizer
from tasks.finetuning.launch import run_training
from tasks.finetuning.recipe import TrainingJob

MakeJob = Callable[..., TrainingJob]


def test_a_base_that_is_no_llama_is_refused_as_input(
    make_job: MakeJob, base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "gpt2"
    shutil.copytree(base, other)
    (other / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="not LLaMA-shaped"):
        run_training(make_job(tmp_path / "out", base=str(other)), lambda _: None)
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert [name for name in left if not name.startswith(".")] == []


def test_an_unknown_failure_points_to_its_log_where_what_libraries_print_goes_too(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python imports sitecustomize at its start; this one prints among the process's events."""
    printing = "import atexit\natexit.register(print, 'a word of a library')\n"
    (tmp_path / "sitecustomize.py").write_text(printing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    job = make_job(tmp_path / "out").model_copy(update={"kind": "no kind of ours"})
    with pytest.raises(PaddockError, match="failed with exit code 1") as error:
        run_training(job, lambda _: None)
    assert "refuses again" in error.value.remedy
    log = Path(error.value.where.removeprefix("its log: ")).read_text()
    assert "ValidationError" in log and "a word of a library" in log


def test_what_fails_the_same_way_again_is_not_to_be_run_again(
    make_job: MakeJob, base: Path, tmp_path: Path
) -> None:
    """A base with more tokens than embeddings, which got past whoever checks it."""
    other = tmp_path / "grown"
    shutil.copytree(base, other)
    tokenizer: Any = load_tokenizer(other)
    fillers = [f"filler-{number}" for number in range(300 - len(tokenizer))]
    tokenizer.add_tokens([*fillers, " euros", " costs"])
    tokenizer.save_pretrained(other)
    with pytest.raises(PaddockError, match="failed: IndexError in ") as error:
        run_training(make_job(tmp_path / "out", base=str(other)), lambda _: None)
    assert "run again" not in error.value.remedy and "same way" in error.value.remedy
    assert "IndexError" in Path(error.value.where.removeprefix("its log: ")).read_text()
