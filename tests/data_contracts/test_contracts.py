"""Contracts: defaults, what a data set may override, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.contract_files import default_contract, load_contract
from data_contracts.contracts import NO_SURROGATE, SIZES, Range
from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> str:
        path = tmp_path / "team.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return to_file


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_a_default(kind: RecordKind) -> None:
    contract = load_contract(kind)
    assert contract == default_contract(kind)
    assert set(contract.lengths) == set(SIZES[kind])
    assert set(contract.redaction.values()) <= {"replace"}


def test_a_file_says_only_what_differs(write: Write) -> None:
    own = load_contract(
        write(
            'kind = "chat"\nlengths.turns = [2, 8]\nrows.min = 100\n'
            '[redaction]\ndefault = "mask"\nEMAIL = "hash"\n[privacy]\nretention_days = 30'
        )
    )
    default = default_contract("chat")
    assert (own.name, own.rows) == ("team", Range(min=100, max=default.rows.max))
    assert own.lengths == default.lengths | {"turns": Range(min=2, max=8)}
    assert [own.redaction[kind] for kind in ("EMAIL", "CARD")] == ["hash", "mask"]
    assert own.privacy.retention_days == 30
    assert own.digest != default.digest


def test_the_digest_is_that_of_what_it_says(write: Write) -> None:
    digest = load_contract(write('kind = "chat"\nredaction.default = "replace"')).digest
    assert digest == default_contract("chat").digest
    assert digest != load_contract(write('kind = "chat"\nredaction.CARD = "drop"')).digest


def test_surrogates_and_how_far_a_value_is_the_same(write: Write) -> None:
    default = default_contract("chat")
    assert default.consistent == "record"
    own = load_contract(
        write(
            'kind = "chat"\n[redaction]\nconsistent = "data set"\ndefault = "surrogate"\n'
            'IP = "mask"'
        )
    )
    assert own.consistent == "data set"
    assert own.redaction["PERSON"] == own.redaction["IBAN"] == "surrogate"
    assert own.redaction["IP"] == "mask"
    # A secret has none, also where all is to have one.
    assert {own.redaction[kind] for kind in NO_SURROGATE} == {"replace"}
    same = load_contract(write('kind = "chat"\nredaction.consistent = "record"'))
    assert same.digest == default.digest
    assert len({default.digest, own.digest}) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "kind: a contract names its kind"),
        ('kind = "letters"', "kind: a contract names its kind"),
        ("kind = ", "cannot be read"),
        ('kind = "chat"\nrow = 1', "row: there is no such field; there are name, kind, rows"),
        ('kind = "chat"\nrows.least = 1', "rows.least: there is no such field; there are min, max"),
        ('kind = "chat"\nrows = [5, 1]', "rows: min is greater"),
        ('kind = "chat"\nrows = [5]', r"rows: write \[min, max\]"),
        ('kind = "chat"\nlengths.turn = [1, 2]', "lengths: there is no turn; there are tokens, tu"),
        ('kind = "chat"\nempty.messages = 0.1', "empty: there is no messages; this kind has none"),
        ('kind = "instruction"\nempty.input = 2', "empty: a share is between"),
        ('kind = "document"\nroles = "any"', "of kind document has none to put in order"),
        ('kind = "chat"\nredaction.EMAIL = "burn"', "redaction.EMAIL: .*'replace', 'hash'"),
        ('kind = "chat"\nredaction.SECRET = "surrogate"', "redaction: SECRET: a secret gets no"),
        ('kind = "chat"\nredaction.URL = "surrogate"', "redaction: URL: .*say replace, hash"),
        ('kind = "chat"\nredaction.consistent = "all"', "consistent: .*'record' or 'data set'"),
        ('kind = "chat"\nredaction.MAIL = "hash"', "redaction.MAIL.*'EMAIL', 'PHONE'"),
        ('kind = "chat"\nredaction = 3', "redaction: Input should be a valid dictionary"),
        ('kind = "chat"\nlanguage.allowed = ["english"]', "language.allowed: give ISO 639-1"),
        ('kind = "chat"\nlanguage.min_share = 0.5', "say which languages"),
        ('kind = "chat"\nflags.language = "quarantine"', "say which languages"),
        (
            'kind = "chat"\n[labels]\ncolumn = "a"\nmost = 1',
            "labels.max_share: Field required.*most",
        ),
        ('kind = "chat"\nquarantine.max_share = 1.5', "quarantine.max_share: .*less than or equal"),
    ],
)
def test_a_bad_contract_is_refused_by_field(write: Write, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        load_contract(write(text))
    assert "team.toml" in caught.value.where


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(InputError, match="cannot be read"):
            load_contract(str(path))
