"""`paddock index` with a PostgreSQL: published by building, searched there, or refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eval_sets.retrieval.loading import DOCUMENTS, load_retrieval_set
from tasks.retrieval.vector_database import VectorDatabase
from tasks.retrieval.vector_tables import table_of
from tasks.storage.objects import LocalStore
from tests.ledgers import execute
from tests.vector_server import vector_database, vector_server

__all__ = ["vector_server"]
CONTRACT = 'kind = "document"\n[privacy]\nsubject = "owner"\n'
SECRET = "hunter2"
ASKED = ("index", "search", "is a bleached jacket covered?", "--most", "5")
Terminal = Callable[..., subprocess.CompletedProcess[str]]


class Team(NamedTuple):
    """A home, and the database that its indexes are searched in."""

    home: Path
    terminal: Terminal
    address: str

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.terminal(self.home, *words, PADDOCK_VECTORS=self.address)

    def published(self) -> list[str]:
        store = LocalStore(self.home / "store").uri
        return [copy.digest for copy in VectorDatabase(self.address).copies(store)]


@pytest.fixture(scope="module")
def team(
    terminal: Terminal, vector_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """Return a home in which the guides and a letter were indexed, with a database set."""
    folder = tmp_path_factory.mktemp("team")
    guides = (load_retrieval_set("desk_guides").folder / DOCUMENTS).read_text()
    letter = json.dumps({"text": "# Lost gear\n\nA glove was lost on the ridge.", "owner": "C-7"})
    (folder / "guides.toml").write_text(CONTRACT)
    (folder / "guides.jsonl").write_text(f"{guides}{letter}\n")
    with vector_database(vector_server) as address:
        made = Team(folder / "home", terminal, address.replace("postgres@", f"postgres:{SECRET}@"))
        words = ["--source", str(folder / "guides.jsonl"), "--no-names"]
        ended = made.ask("index", "build", *words, "--contract", str(folder / "guides.toml"))
        assert ended.returncode == 0, ended.stderr
        assert "Its vectors stand in postgresql://" in ended.stdout
        assert SECRET not in ended.stdout + ended.stderr
        yield made


def test_a_search_is_the_same_there_and_here(team: Team) -> None:
    there, here = team.ask(*ASKED), team.terminal(team.home, *ASKED)
    assert there.returncode == 0, there.stderr
    assert there.stdout.split("Index", 1)[1] == here.stdout.split("Index", 1)[1]  # but the time
    judged = team.ask("index", "evaluate", "--retrieval-set", "desk_guides")
    assert judged.returncode == 0, judged.stderr
    assert "PASSED" in judged.stdout


def test_what_was_changed_there_is_refused_until_it_is_published_again(team: Team) -> None:
    [digest] = team.published()
    execute(team.address, f"DELETE FROM {table_of(digest)} WHERE place = 7")
    refused = team.ask(*ASKED)
    assert refused.returncode == 1
    assert "what is there was changed" in refused.stderr
    again = team.ask("index", "publish")
    assert again.returncode == 0, again.stderr
    assert f"Index {digest[:16]}. Its vectors stand in postgresql://" in again.stdout
    assert "stood already" in team.ask("index", "publish", "--index", digest[:8]).stdout
    assert team.ask(*ASKED).returncode == 0
    away = team.terminal(team.home, *ASKED, PADDOCK_VECTORS=f"postgresql://me:{SECRET}@127.0.0.1:9")
    assert away.returncode == 1
    assert "the database of vectors does not do what is asked" in away.stderr
    assert SECRET not in away.stdout + away.stderr


def test_without_a_database_there_is_nowhere_to_publish(team: Team) -> None:
    ended = team.terminal(team.home, "index", "publish")
    assert ended.returncode == 2
    assert "no database of vectors is named" in ended.stderr


def test_no_file_of_the_home_holds_the_password(team: Team) -> None:
    files = [path for path in team.home.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_copy_goes_with_its_index_and_with_whom_is_forgotten(team: Team, tmp_path: Path) -> None:
    [digest] = team.published()
    assert "published vectors" in team.ask("clean", "--apply").stdout
    assert team.published() == [digest]
    shutil.copytree(team.home / "store" / "index", tmp_path / "index")
    shutil.rmtree(team.home / "store" / "index")
    cleaned = team.ask("clean", "--apply")
    assert cleaned.returncode == 0, cleaned.stderr
    assert "its index is gone" in cleaned.stdout
    assert team.published() == []
    shutil.copytree(tmp_path / "index", team.home / "store" / "index")
    assert team.ask("index", "publish").returncode == 0
    said = team.ask("forget", "--subject", "C-7", "--dry-run")
    assert "taken out" not in said.stdout
    assert team.published() == [digest]
    forgotten = team.ask("forget", "--subject", "C-7")
    assert forgotten.returncode == 0, forgotten.stderr
    assert f"the vectors of index {digest[:16]}" in forgotten.stdout
    assert team.published() == []
    execute(team.address, f"CREATE TABLE {table_of(digest)} (gone boolean)")  # so it was
    refused = team.ask("index", "publish")
    assert refused.returncode == 1
    assert "of people whose rows may not be used any more" in refused.stderr
