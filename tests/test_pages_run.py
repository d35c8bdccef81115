"""Every command of docs/first_hour.md and the recipes is run as it stands there, in a home of its
own for each page, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECIPES = sorted(page for page in (DOCS / "recipes").glob("*.md") if page.stem != "index")
PAGES = (DOCS / "first_hour.md", *RECIPES)
LONGEST_RECIPE = 60  # lines
# What opens a block that may hold output: commands, files and pictures say what they are.
FENCE = re.compile(r"^```(?!sh\n|toml\n|json\n|python\n|\{toctree\}\n)[a-z]+\n", re.M)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def _commands(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of a page, and what it prints by the page; `…` stands for anything."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            first, *lines = part.splitlines()
            more = [line[2:] for line in lines if line.startswith("> ")]
            shown = [line for line in lines if not line.startswith("> ")]
            yield "\n".join([first, *more]), "\n".join(shown)


def _pattern(shown: str) -> str:
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r" *\n"
        for line in shown.splitlines()
    ]
    return "".join(lines)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@each_page
def test_a_page_is_as_it_is_told(page: Path, tmp_path: Path) -> None:
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": ":".join(paths), "PADDOCK_HOME": str(tmp_path / "home")}
    for command, shown in _commands(page):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        assert re.fullmatch(_pattern(shown), done.stdout), f"{command}\n{done.stdout}"


@each_page
def test_a_page_runs_commands_and_shows_what_they_print(page: Path) -> None:
    told = [(command, shown) for command, shown in _commands(page) if "paddock " in command]
    assert len(told) >= (12 if page.stem == "first_hour" else 2)
    assert any(shown.replace("…", "").strip() for _, shown in told)


def test_what_commands_print_is_shown_on_no_page_that_is_not_run() -> None:
    told = {page for page in DOCS.rglob("*.md") if FENCE.search(page.read_text("utf-8"))}
    assert told == set(PAGES)


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_is_short_and_in_the_list(page: Path) -> None:
    assert len(page.read_text("utf-8").splitlines()) <= LONGEST_RECIPE
    assert f"]({page.name})" in (DOCS / "recipes" / "index.md").read_text("utf-8")
