"""The contracts, run by the real Great Expectations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import (
    Duplicates,
    FlagRules,
    Freshness,
    Labels,
    Language,
    Range,
)
from data_contracts.errors import ContractError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.measures import RowFlags, measure
from data_contracts.records import Record, record_id
from data_contracts.snapshot.reading import SnapshotReport
from data_contracts.validation import Contract

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = RowFlags("en", 0.9, 0.1, "")


def made(kind: RecordKind, **change: Any) -> Contract:
    return Contract(default_contract(kind).model_copy(update=change))


def chat(*roles: str, content: str = "words") -> ChatRecord:
    return ChatRecord.model_validate(
        {"messages": [{"role": role, "content": f"{content} {n}"} for n, role in enumerate(roles)]}
    )


def measured(record: Record, **change: Any) -> dict[str, Any]:
    return measure(record, record_id(record), "train", 1, flags=GOOD) | change


def report(**change: Any) -> SnapshotReport:
    figures: dict[str, Any] = {
        "kind": "instruction",
        "sources": {},
        "kept": 10,
        "quarantined": {"bad JSON": 10},
        "duplicates": 0,
        "contaminated": 0,
        "redacted": {},
        "splits": {"train": 8, "test": 2},
        "characters": 99,
    } | change
    lost = ("kept", "duplicates", "near_duplicates", "contaminated")
    rows_in = sum(figures.get(name, 0) for name in lost) + sum(figures["quarantined"].values())
    return SnapshotReport.model_validate(figures | {"rows_in": rows_in})


@pytest.mark.parametrize(
    ("order", "good", "bad"),
    [
        ("alternate", ["ua", "suau", "au"], ["uua", "aa"]),
        ("user_first", ["ua", "suau"], ["au", "uua"]),
        ("answered", ["ua", "suaua"], ["uau", "au"]),
        ("any", ["ua", "uua", "aa"], []),
    ],
)
def test_roles_keep_their_order(order: str, good: list[str], bad: list[str]) -> None:
    names = {"s": "system", "u": "user", "a": "assistant"}
    rows = [measured(chat(*(names[one] for one in roles))) for roles in [*good, *bad]]
    expected = range(len(good), len(rows))
    failures = made("chat", roles=order).failures(rows)
    assert failures == dict.fromkeys(expected, "contract: roles must match regex")


def test_sizes_are_bounded() -> None:
    rows = [measured(DocumentRecord(text="x" * size)) for size in (1, 2_000_000, 2_000_001)]
    reason = "contract: text_characters must be between 1 and 2,000,000"
    assert made("document").failures(rows) == {2: reason}
    few = made("document", lengths={"tokens": Range(min=1, max=9)})
    assert few.failures(rows) == dict.fromkeys([1, 2], "contract: tokens must be between 1 and 9")


def test_a_preference_between_equals_is_none() -> None:
    rows = [measured(PreferenceRecord(prompt="p", chosen="c", rejected=r)) for r in ("c", "d")]
    assert list(made("preference").failures(rows)) == [0]


def test_identity_split_and_place_are_checked() -> None:
    contract, record = made("chat"), chat("user", "assistant")
    assert list(contract.failures([measured(record), measured(record)])) == [0, 1]
    for change in ({"split": "dev"}, {"id": "short"}, {"line": 0}, {"roles": None}):
        assert list(contract.failures([measured(record, **change)])) == [0]
    assert contract.failures([measured(record)]) == {}


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (RowFlags("en", 0.9, 0.85, ""), "contract: toxicity must be between 0 and 0.8"),
        (RowFlags("en", 0.9, 0.1, "override"), "contract: prompt_injection must be in set"),
        (RowFlags("de", 0.9, 0.1, ""), "contract: language must be in set"),
    ],
)
def test_flags_count_only_where_the_contract_says(flags: RowFlags, reason: str) -> None:
    record = chat("user", "assistant")
    unsure = measured(chat("user", "assistant", content="hi"), language="und")
    rows = [measure(record, record_id(record), "train", 1, flags=flags), unsure]
    rules = FlagRules(toxic="quarantine", prompt_injection="quarantine", language="quarantine")
    assert made("chat").failures(rows) == {}
    strict = made("chat", flags=rules, language=Language(allowed=("en",)))
    assert strict.failures(rows) == {0: reason}


def test_a_check_that_cannot_run_is_a_failure() -> None:
    row = measured(chat("user", "assistant"))
    del row["turns"]
    with pytest.raises(ContractError, match="could not run"):
        made("chat").failures([row])


@pytest.mark.parametrize(
    ("contract", "bad", "why"),
    [
        ({}, {"kept": 0, "splits": {}, "quarantined": {}}, "kept is 0"),
        ({}, {"kept": 9, "splits": {"train": 9}, "quarantined": {}}, "kept is 9, must be between"),
        ({}, {"splits": {"train": 0, "test": 10}}, "train is 0, must be at least 1"),
        ({}, {"quarantined": {"bad JSON": 11}}, "quarantined_share"),
        ({"duplicates": Duplicates(max_share=0.5)}, {"near_duplicates": 11}, "duplicate_share"),
        (
            {"language": Language(allowed=("en",), min_share=0.9)},
            {"languages": {"en": 8, "de": 2, "und": 5}, "flags": {"language": 2}},
            "language_share is 0.8",
        ),
        ({"language": Language(allowed=("en",), min_share=0.9)}, {}, "language_share cannot be"),
        ({"labels": Labels(column="x", max_share=0.7)}, {"largest_label": 8}, "label_share is 0.8"),
        ({"labels": Labels(column="x", max_share=0.7)}, {}, "labelled is 0"),
        (
            {"freshness": Freshness(column="t", max_age_days=7)},
            {"timed": 10, "newest": (NOW - timedelta(days=8)).isoformat()},
            "newest_age_days is 8",
        ),
        (
            {"freshness": Freshness(column="t", max_age_days=7)},
            {"timed": 9, "newest": NOW.isoformat()},
            "timed_share is 0.9",
        ),
        ({"freshness": Freshness(column="t", max_age_days=7)}, {}, "newest_age_days cannot be"),
        ({"empty": {"input": 0.2}}, {"empty": {"input": 3}}, "empty_input_share is 0.3"),
    ],
)
def test_the_whole_is_bounded(contract: dict[str, Any], bad: dict[str, Any], why: str) -> None:
    made("instruction").require_totals(report(), "here", NOW)
    with pytest.raises(ContractError, match=why):
        made("instruction", **contract).require_totals(report(**bad), "here", NOW)


def test_a_whole_that_keeps_every_rule_passes() -> None:
    contract = made(
        "instruction",
        language=Language(allowed=("en",), min_share=0.9),
        labels=Labels(column="x", max_share=0.7),
        freshness=Freshness(column="t", max_age_days=7),
        empty={"input": 0.3},
    )
    good = report(
        languages={"en": 9, "und": 1},
        flags={"language": 0},
        largest_label=7,
        timed=10,
        newest=(NOW - timedelta(days=6)).isoformat(),
        empty={"input": 3},
    )
    contract.require_totals(good, "here", NOW)
    assert [(one.whole, one.failed) for one in contract.validations()] == [(True, 0)]


def test_batches_become_one_validation() -> None:
    def validated() -> list[Any]:
        contract = made("chat", lengths={"turns": Range(min=2, max=2)})
        contract.failures([measured(chat("user", "assistant"))])
        contract.failures([measured(chat("user", "assistant", "user")) for _ in range(1)])
        contract.require_totals(report(kind="chat"), "here", NOW)
        return contract.validations()

    rows, whole = validated()
    assert (rows.failed, rows.whole, whole.failed, whole.whole) == (1, False, 0, True)
    assert "1 unexpected values found" in rows.html
    assert "50% of 2 total rows" in rows.html
    assert [rows, whole] == validated(), "the same rows, the same bytes"
    for part in (rows.html, whole.html):
        assert "http" not in part
        assert "<script" not in part


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_measure_holds_text(kind: RecordKind) -> None:
    said = [{"role": role, "content": "secret words"} for role in ("user", "assistant")]
    fields = {name: "secret words" for name in KINDS[kind].model_fields} | {"history": said}
    if kind == "document":
        fields.pop("history")
    record: Record = (
        chat("user", "assistant", content="secret words")
        if kind == "chat"
        else KINDS[kind].model_validate(fields)
    )
    row = measured(record)
    assert "secret" not in str(row)
    assert made(kind).failures([row | {"answers_differ": 1}]) == {}
