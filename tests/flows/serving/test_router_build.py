"""`paddock router`: built of a version and its weights in fewer bits, refused, shown and asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.command.cli import main
from tests.flows.serving.conftest import NAME, Desk

pytestmark = pytest.mark.timeout(300)
CARD = """name = "counting"
version = "1.0.0"
scope = "named"
scorer = "instruction_constraints"
purpose = "Short answers."
provenance = "Made for a test."
licence = "Apache-2.0"
gates = "None."
"""


@pytest.fixture(scope="module")
def eval_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "counting"
    folder.mkdir()
    (folder / "card.toml").write_text(CARD)
    expect = {
        "scorer": "instruction_constraints",
        "constraints": [{"type": "max_words", "n": 2}],
    }
    cases = [
        {
            "id": f"case-{number}",
            "messages": [{"role": "user", "content": f"Say {number} words about a tent."}],
            "max_new_tokens": 4,
            "expect": expect,
        }
        for number in range(120)
    ]
    (folder / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    return folder


@pytest.fixture(scope="module")
def desk(make_desk: Callable[[Path], Desk], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = make_desk(tmp_path_factory.mktemp("router-build") / "home")
    desk.release("a")
    return desk


@pytest.mark.slow
def test_a_router_is_built_refused_shown_and_asked(
    desk: Desk,
    eval_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PADDOCK_HOME", str(desk.home))
    asked = ["--name", NAME, "--eval-sets", str(eval_set), "--small", "q4_0"]
    costs = ["--small-cost", "1", "--large-cost", "4"]
    assert main(["router", "build", *asked, "--small-cost", "1"]) == 2
    assert "the price of one model is given" in capsys.readouterr().err
    assert main(["router", "build", *asked, *costs, "--register-it"]) == 1  # 48 show nothing
    said = capsys.readouterr().out
    assert "routing/quality_lost" in said and "REFUSED" in said
    assert f"registered as {NAME}-router-candidate version 1" in said
    assert main(["router", "build", *asked, *costs]) == 1  # found, not asked again
    again = capsys.readouterr().out
    assert f"small      {NAME}-candidate/1 in q4_0" in again
    assert main(["router", "show", "--name", NAME]) == 0
    assert "| small model | desk-candidate/1 in q4_0 |" in capsys.readouterr().out
    assert main(["router", "ask", "Where is it?", "--name", NAME]) == 0
    assert "goes to desk-candidate/1" in capsys.readouterr().out
    assert main(["router", "show", "--name", NAME, "--router", "champion"]) == 1
    assert "no router serves" in capsys.readouterr().err
    assert desk.release("b") == 2
    two = ["--name", NAME, "--eval-sets", str(eval_set), "--small", f"{NAME}/1", *costs]
    assert main(["router", "build", *two]) == 1
    said = capsys.readouterr().out
    assert f"small      {NAME}/1\n" in said and f"large      {NAME}-candidate/2" in said


def test_what_cannot_be_a_router_is_refused_in_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PADDOCK_HOME", str(desk.home))
    asked = ["router", "build", "--name", NAME, "--eval-sets", "safety"]
    assert main([*asked, "--small", f"{NAME}@champion"]) == 2
    assert "the small model is the large one" in capsys.readouterr().err
    assert main([*asked, "--small", "nobody"]) == 1
    assert "no release made it one that serves" in capsys.readouterr().err
    assert main([*asked, "--small", "No Such/"]) == 2
    assert "name a way to keep weights" in capsys.readouterr().err
    assert main(["router", "ask", " "]) == 2
    assert "no question was given" in capsys.readouterr().err
