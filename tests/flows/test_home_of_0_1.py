"""A home that version 0.1 left is read by this one: what serves, why, of which rows, and its bytes.

`older_home/75d9676.tar.xz` is what revision 75d9676 left of `paddock run` over 34 rows with a tiny
base (--max-steps 4 --eval-sets safety), `decide --approve --person ada` and `promote`: the whole
home, but for Prefect's database and the private key. Nothing of it was made or changed since.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Ended = subprocess.CompletedProcess[str]
Type = Callable[..., Ended]
KEPT = Path(__file__).with_name("older_home") / "75d9676.tar.xz"
CHAMPION = "shelves@champion"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    shutil.unpack_archive(KEPT, folder)
    return folder / "home"


@pytest.fixture
def typed(home: Path, terminal: Type) -> Callable[..., str]:
    def command(*words: str) -> str:
        done = terminal(home, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


def test_show_says_what_serves_and_which_runs_there_were(typed: Callable[..., str]) -> None:
    """Its sample of answers is of another form: nothing is read from it, and nothing refused."""
    shown = typed("show", "--name", "shelves")
    assert "champion  version 1" in shown and "34 of 34 rows, version 1 passed" in shown
    assert "approved by ada" in shown and "it serves" in shown


def test_history_has_its_release_before_anything_is_written(typed: Callable[..., str]) -> None:
    (row,) = json.loads(typed("history", "--name", "shelves", "--format", "json"))
    assert (row["action"], row["serves"]["version"]) == ("imported", 1)
    assert row["reason"] == "promote: approved by ada"
    assert [one["person"] for one in row["people"]] == ["ada"]


def test_lineage_goes_from_a_row_to_the_champion(home: Path, typed: Callable[..., str]) -> None:
    (train,) = (home / "store/snapshot").glob("*/data/train-*.parquet")
    row = pq.read_table(train, columns=["id"]).column("id")[0].as_py()
    said = typed("lineage", "--row", row)
    assert "rows.jsonl, line " in said
    assert "registered: shelves version 1, serves as champion" in said


def test_fetch_gives_its_bytes_and_no_others(
    home: Path, typed: Callable[..., str], terminal: Type, tmp_path: Path
) -> None:
    assert "verified" in typed("fetch", CHAMPION, str(tmp_path / "there"))
    (trained,) = (home / "store/model").glob("*/model/model.safetensors")
    fetched = tmp_path / "there/model/model.safetensors"
    assert fetched.read_bytes() == trained.read_bytes()

    (served,) = (home / "mlflow-artifacts/shelves-releases").rglob("model/model.safetensors")
    whole = served.read_bytes()
    served.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused = terminal(home, "fetch", CHAMPION, str(tmp_path / "other"))
    served.write_bytes(whole)
    assert refused.returncode == 1
    assert not (tmp_path / "other/model").exists()


def test_reconcile_makes_it_the_first_row(typed: Callable[..., str]) -> None:
    said = typed("reconcile", "--name", "shelves", "--verify")
    assert "version 1 is the champion, as row 1 of the ledger says" in said
    assert "The bytes are what it names" in said
    (row,) = json.loads(typed("history", "--name", "shelves", "--format", "json"))
    assert row["action"] == "imported"
