"""What an earlier build (75d9676) really released: its champion is ours, and goes on from there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from model_registry.promotion import rollback
from model_registry.reconciling import reconcile
from model_registry.signing import ensure_keys
from model_registry.standing import read_standing
from model_registry.tracking import open_registry
from tests.benchmarks.laptop.builds import BuildError, earlier_build
from tests.benchmarks.releasing import one_release
from tests.benchmarks.releasing.folders import write_folder


@pytest.mark.slow
def test_an_older_build_s_releases_are_the_first_rows(tmp_path: Path) -> None:
    try:
        build = earlier_build("75d9676", tmp_path)
    except BuildError as error:
        pytest.skip(str(error))
    for name in ("files", "small"):
        write_folder(tmp_path / name, 1 << 20)
    build.home.mkdir()
    words = [str(Path(one_release.__file__)), *(str(tmp_path / n) for n in ("files", "small"))]
    subprocess.run(
        [str(build.python), *words, str(build.home)],
        cwd=build.folder,
        env=build.environment() | {"PYTHONPATH": str(build.folder)},
        check=True,
    )
    home = build.home
    registry = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    assert read_standing(registry, "large").trouble == ""
    found = reconcile(registry, "large", ensure_keys(home / "keys"))
    assert (found.moves, found.trouble) == ((), "")
    (row,) = registry.ledger.rows("large")
    assert (row.action, row.version, row.reason) == ("imported", 1, "promote: approved by ada")
    assert [one.person for one in row.people] == ["ada"]
    assert row.serves is not None and len(row.serves.dossier) == 64
    with pytest.raises(Exception, match="no previous champion"):
        rollback(registry, "large", "worse", ensure_keys(home / "keys"))
