"""`paddock redact` as a person pipes through it: a contract's policies, terms that stay, counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONTRACT = """
kind = "document"

[redaction]
EMAIL = "hash"
SSN = "drop"
IP = "keep"
"""


@pytest.fixture
def redact(
    home_environment: Callable[[Path], dict[str, str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    command = [str(Path(sys.executable).with_name("paddock")), "redact"]

    def run(lines: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            input="".join(line + "\n" for line in lines),
            env=home_environment(tmp_path / "home") | {"PADDOCK_REDACTION_KEY": "k"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_contract_says_what_becomes_of_each_kind(
    redact: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    contract = tmp_path / "contract.toml"
    contract.write_text(CONTRACT)
    texts = [
        "write to a@example.org or A@example.org",
        "my SSN is 778-62-8144",
        "from 203.0.113.9, card 4111 1111 1111 1111",
    ]
    lines = [json.dumps({"text": text}) for text in texts]
    ended = redact([*lines, "no JSON"], "--no-names", "--contract", str(contract))
    assert ended.returncode == 1, ended.stderr  # since a line could not be read
    first, second, third, last = (json.loads(line) for line in ended.stdout.splitlines())
    words = first["text"].split()
    assert words[2] == words[4] and len(words[2]) == len("<EMAIL_>") + 16
    assert second == {"dropped": "SSN"} and list(last) == ["error"]
    assert third == {"text": "from 203.0.113.9, card <CARD_1>"}
    assert "4 lines, 4 values redacted" in ended.stderr and "1 lines dropped" in ended.stderr
    assert "by " in ended.stderr and "example.org" not in ended.stderr


def test_surrogates_by_contract_are_the_same_in_every_line_and_every_run(
    redact: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    contract = tmp_path / "contract.toml"
    table = '[redaction]\nconsistent = "data set"\ndefault = "surrogate"\n'
    contract.write_text(f'kind = "document"\n{table}')
    lines = [
        json.dumps({"text": f"line {n}: ann.haldane@quillmark.io from 203.0.114.9"})
        for n in range(3)
    ]
    first = redact(lines, "--no-names", "--contract", str(contract))
    assert first.returncode == 0, first.stderr
    values = {json.loads(line)["text"].partition(": ")[2] for line in first.stdout.splitlines()}
    assert len(values) == 1 and "@example." in values.pop()
    assert "haldane" not in first.stdout and "203.0.114" not in first.stdout
    again = redact(lines[:1], "--no-names", "--contract", str(contract))
    assert first.stdout.startswith(again.stdout)
    contract.write_text('kind = "document"\n[redaction]\nSECRET = "surrogate"\n')
    refused = redact(lines, "--contract", str(contract))
    assert refused.returncode == 2 and "SECRET: a secret gets no surrogate" in refused.stderr


def test_names_are_found_unless_they_are_to_stay(
    redact: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ended = redact(['{"text": "I am Ann Lee and I live in Oslo."}'], "--keep", "Oslo")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"text": "I am <PERSON_1> and I live in Oslo."}
    spans = redact(['{"text": "I am Ann Lee."}'], "--spans")
    (found,) = json.loads(spans.stdout)["spans"]
    assert (found["start"], found["end"], found["kind"]) == (5, 12, "PERSON")
