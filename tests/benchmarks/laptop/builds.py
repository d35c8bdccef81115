"""Two builds of this repository side by side: an earlier commit in a folder of its own, and this.

Each is driven by its own commands alone. The earlier one gets a virtual environment that finds the
packages installed here, and its own rooms before them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
ROOMS = ("flows", "tasks", "model_registry", "data_contracts", "eval_sets")
_OURS = ("PADDOCK_", "PREFECT_", "MLFLOW_", "PYTHON")


class BuildError(Exception):
    """A build cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Build:
    """A checkout with a Python that imports it, and a home."""

    name: str
    folder: Path
    python: Path
    home: Path

    def environment(self) -> dict[str, str]:
        """Return this environment with the home, and without what is set for another build."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return kept | {"PADDOCK_HOME": str(self.home), "HF_HUB_OFFLINE": "1"}

    def paddock(self, *words: str) -> list[str]:
        """Return the `paddock` command, as the build's own pyproject.toml names it."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        module, _, function = project["scripts"]["paddock"].partition(":")
        code = f"import sys; from {module} import {function} as main; sys.exit(main())"
        return [str(self.python), "-c", code, *words]

    def check(self) -> None:
        """Raise BuildError unless this build's Python imports this build's rooms."""
        code = "import sys\nfor room in sys.argv[1:]: print(__import__(room).__file__)"
        told = subprocess.run(
            [str(self.python), "-c", code, *ROOMS],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        places = [Path(line).resolve() for line in told.stdout.splitlines()]
        wanted = [self.folder.resolve() / room / "__init__.py" for room in ROOMS]
        if places != wanted:
            raise BuildError(f"{self.name} is not imported from its folder: {told.stderr[-400:]}")


def this_build(scratch: Path) -> Build:
    """Return the checkout this file is in."""
    build = Build("this build", CHECKOUT, Path(sys.executable), scratch / "home-new")
    build.check()
    return build


def earlier_build(commit: str, scratch: Path) -> Build:
    """Return an earlier commit, cloned from this checkout; BuildError if it is not in it."""
    folder = scratch / "earlier"
    _git("clone", "--quiet", "--no-checkout", str(CHECKOUT), str(folder))
    found = _git("-C", str(folder), "checkout", "--quiet", commit, fails=True)
    if found.returncode:
        raise BuildError(
            f"the commit {commit} is not in this checkout: fetch the whole history "
            "(git fetch --unshallow), or name another one with --against"
        )
    _git_free_venv(folder / ".venv")
    build = Build(commit, folder, folder / ".venv" / "bin" / "python", scratch / "home-old")
    build.check()
    return build


def _git_free_venv(place: Path) -> None:
    """Make an environment without pip: the packages installed here are found through a path."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    [packages] = place.glob("lib/python3*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "builds.pth").write_text(f"{place.parent}\n{here}\n")


def _git(*words: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=not fails)
