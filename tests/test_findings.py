"""Each script of `findings/` says what holds it here, and names nothing but public packages.

The scripts themselves install packages and are run by hand: `bash findings/NAME.sh`.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
FINDINGS = sorted((CHECKOUT / "findings").glob("*.sh"))
PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.]+")


@pytest.mark.parametrize("script", FINDINGS, ids=lambda script: script.stem)
def test_a_finding_names_its_version_and_the_test_that_holds_it(script: Path) -> None:
    said = script.read_text()
    head = said.partition("\nset -e")[0]
    (held,) = re.findall(r"^# Held by: (\S+)::(\w+)$", head, re.M)
    tests = ast.parse((CHECKOUT / held[0]).read_text())
    assert held[1] in {node.name for node in tests.body if isinstance(node, ast.FunctionDef)}
    installed = re.search(r"-m pip install ((?:[^\n]|(?<=\\)\n)*)", said)
    assert installed
    words = [word for word in installed[1].replace("\\\n", " ").split() if word[0] != "-"]
    assert words and all(map(PINNED.fullmatch, words))
    assert words[0].replace("==", " ") in head
    assert "\n# Seen: " in head
    assert os.access(script, os.X_OK)
    assert not re.search(r"https?://|index-url", said)


def test_there_are_findings() -> None:
    assert FINDINGS
