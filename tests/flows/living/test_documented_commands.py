"""Every `paddock` command of docs/ is typed in a home that was lived in: it ends well, or says why.

Names, files and versions of the pages are put in as this home has them. What trains only says what
it would do, and what runs until it is ended, or needs other servers, is left to tests of its own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.flows.living.conftest import Lived

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
ENDLESS = {"up", "down", "serve", "load", "redact"}  # run until they are ended, or read on
LIVE = {("canary", "start"), ("experiment", "start"), ("accounts", "apply"), ("accounts", "list")}
LONG = {("canary", "selftest"), ("experiment", "selftest"), ("gates", "selftest")}
TRAINS = {"run", "retrain"}
PUT_IN = {
    r"\b(help-desk|my-desk|desk)\b(?!\.)": "shelves",
    r"\bNAME\b": "shelves",
    r"\bPATH\b": "rows.jsonl",
    r"\bKIND\b": "chat",
    r"\[[^\]]*\]": "",
    r"\bdata/": "rows.jsonl",
    r"\b3f2a\w*\b": "newest",
}


def _commands() -> list[tuple[str, str]]:
    """Return (page, command) of every command that is typed here."""
    found: dict[str, str] = {}
    for page in sorted(DOCS.glob("*.md")):
        for block in BLOCK.findall(page.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if not line.startswith("paddock "):
                    continue
                words = shlex.split(line, comments=True)
                if words[1:] and not _left_out(words[1:]):
                    found.setdefault(line.split(" #")[0].strip(), page.name)
    return [(page, line) for line, page in found.items()]


def _left_out(words: list[str]) -> bool:
    return words[0] in ENDLESS or tuple(words[:2]) in LIVE | LONG or "s3://" in " ".join(words)


@pytest.fixture(scope="module")
def desk(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home, in a folder with the files that pages name."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copytree(lived.home, folder / "home")
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]
    rows = [{"messages": [{**turns[0], "content": f"Hello {n}?"}, turns[1]]} for n in range(30)]
    _write(folder / "rows.jsonl", rows)
    texts = [{"text": f"# Guide {n}\n\nThe warranty is {n} years."} for n in range(1, 12)]
    for name in ("guides.jsonl", "tickets.jsonl", "letters.jsonl", "in.jsonl"):
        _write(folder / name, [{**one, "body": one["text"]} for one in texts])
    return folder


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(("page", "line"), _commands(), ids=lambda one: one[:60])
def test_a_command_of_a_page_ends_well_or_says_why(
    page: str,
    line: str,
    desk: Path,
    terminal: Callable[..., CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pattern, words in PUT_IN.items():
        line = re.sub(pattern, words, line)
    words = shlex.split(line.split("<")[0].split(">")[0].replace("…", ""), comments=True)[1:]
    if words[0] in TRAINS:
        words.append("--dry-run")
    monkeypatch.chdir(desk)
    ended = terminal(desk / "home", *words)
    said = ended.stdout + ended.stderr
    assert "Traceback" not in said, f"{page}: {line}\n{said[-3000:]}"
    assert ended.returncode in (0, 1, 2), f"{page}: {line}\n{said[-3000:]}"
    if ended.returncode:
        why = "to do: " in ended.stderr or "usage: " in ended.stderr or ended.returncode == 1
        assert why, f"{page}: {line}\n{said[-3000:]}"


def test_there_are_commands_to_type() -> None:
    assert len(_commands()) > 60
