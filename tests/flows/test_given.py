"""What was mistyped is said before anything heavy is loaded, in a second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("prefect", "mlflow", "torch", "transformers", "datasets")
CODE = f"""
import sys
from flows.command.cli import main
code = main(sys.argv[1:])
print([name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--source", "{here}/rows.jsonl"), "ingest: there is no such file or folder"),
        (("run", "--base", "{here}/model"), "base model: this is not a model folder"),
        (("run", "--policy", "{here}/policy.toml"), "{here}/policy.toml"),
        (("run", "--eval-sets", "{here}/questions"), "{here}/questions"),
        (("run", "--mapping", "{here}/mapping.toml"), "the mapping cannot be read"),
        (("run", "--mapping", "question=text"), "a record of kind chat has no field question"),
        (("ingest", "--contract", "{here}/contract.toml"), "{here}/contract.toml"),
        (("finetune", "--teacher", "{here}/teacher"), "base model: this is not a model folder"),
        (("evaluate", "--model", "{here}/model"), "base model: this is not a model folder"),
    ],
)
def test_a_name_that_leads_nowhere_is_said_before_anything_is_loaded(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    given = [word.format(here=tmp_path) for word in words]
    ended = subprocess.run(
        [sys.executable, "-c", CODE, *given],
        env={**os.environ, "PADDOCK_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (2, "[]")
    assert said.format(here=tmp_path) in ended.stderr
