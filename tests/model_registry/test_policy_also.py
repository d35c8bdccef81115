"""A policy may hold others of ours beside its own gates."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import InputError
from model_registry.policy import load_policy

OWN = """
name = "mine"
also = {also}
[[gates]]
id = "reads"
metric = "desk_documents/accuracy"
rule = "min"
value = 0.5
[assumed."safety/refusal"]
base = 0.5
"""


def written(folder: Path, also: str) -> str:
    path = folder / "mine.toml"
    path.write_text(OWN.replace("{also}", also))
    return str(path)


def test_gates_of_both_hold_and_its_own_assumptions_win(tmp_path: Path) -> None:
    demo, mine = load_policy("demo"), load_policy(written(tmp_path, '["demo"]'))
    assert [gate.id for gate in mine.gates] == [*(gate.id for gate in demo.gates), "reads"]
    assert mine.assumes("safety/refusal").base == 0.5
    assert mine.assumes("desk_facts/accuracy") == demo.assumes("desk_facts/accuracy")


def test_its_digest_is_of_both(tmp_path: Path) -> None:
    alone = load_policy(written(tmp_path, "[]")).digest
    assert (
        len(
            {
                alone,
                *(load_policy(written(tmp_path, f'["{n}"]')).digest for n in ("demo", "general")),
            }
        )
        == 3
    )


@pytest.mark.parametrize("also", ['["none"]', '"demo"', "[3]"])
def test_only_policies_of_ours_may_be_named(tmp_path: Path, also: str) -> None:
    with pytest.raises(InputError, match="policy cannot be used") as caught:
        load_policy(written(tmp_path, also))
    assert "also" in (caught.value.where or "")


def test_documents_asks_all_that_the_demo_does() -> None:
    ids = [gate.id for gate in load_policy("documents").gates]
    assert ids[: len(load_policy("demo").gates)] == [one.id for one in load_policy("demo").gates]
    assert "obeys no page" in ids
