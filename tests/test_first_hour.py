"""Every command of docs/first_hour.md is run as it stands there, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "first_hour.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def _commands() -> Iterator[tuple[str, str]]:
    """Yield each command of the page, and what it prints by the page; `…` stands for anything."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S):
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


def test_the_first_hour_is_as_it_is_told(tmp_path: Path) -> None:
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": ":".join(paths), "PADDOCK_HOME": str(tmp_path / "home")}
    ran: list[str] = []
    for command, shown in _commands():
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
        ran.append(command.split()[0])
    assert ran.count("paddock") >= 12
